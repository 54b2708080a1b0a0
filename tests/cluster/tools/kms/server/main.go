// kms-server SOCKET KEY-ID serves KMS v2 by the server of k8s.io/kms, with AES-256-GCM under a key made from KEY-ID.
// For tests: whoever knows KEY-ID knows the key.
package main

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"log"
	"os"
	"time"

	"k8s.io/kms/pkg/service"
)

const annotation = "server.kms.splitvault.dev"

type plugin struct {
	keyID string
	aead  cipher.AEAD
}

func (p plugin) Status(context.Context) (*service.StatusResponse, error) {
	return &service.StatusResponse{Version: "v2", Healthz: "ok", KeyID: p.keyID}, nil
}

func (p plugin) Encrypt(_ context.Context, uid string, plaintext []byte) (*service.EncryptResponse, error) {
	if uid == "" {
		return nil, errors.New("no uid")
	}
	nonce := make([]byte, p.aead.NonceSize())
	if _, err := rand.Read(nonce); err != nil {
		return nil, err
	}
	return &service.EncryptResponse{
		Ciphertext:  p.aead.Seal(nonce, nonce, plaintext, []byte(p.keyID)),
		KeyID:       p.keyID,
		Annotations: map[string][]byte{annotation: []byte("1")},
	}, nil
}

func (p plugin) Decrypt(_ context.Context, uid string, request *service.DecryptRequest) ([]byte, error) {
	size := p.aead.NonceSize()
	switch {
	case uid == "":
		return nil, errors.New("no uid")
	case string(request.Annotations[annotation]) != "1":
		return nil, errors.New("the annotation did not come back")
	case request.KeyID != p.keyID:
		return nil, errors.New("another key")
	case len(request.Ciphertext) < size:
		return nil, errors.New("too short")
	}
	return p.aead.Open(nil, request.Ciphertext[:size], request.Ciphertext[size:], []byte(p.keyID))
}

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: kms-server SOCKET KEY-ID")
	}
	key := sha256.Sum256([]byte(os.Args[2]))
	block, err := aes.NewCipher(key[:])
	if err != nil {
		log.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		log.Fatal(err)
	}
	server := service.NewGRPCService(os.Args[1], 3*time.Second, plugin{os.Args[2], aead})
	log.Fatal(server.ListenAndServe())
}
