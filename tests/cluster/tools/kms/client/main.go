// kms-client ENDPOINT does with a KMS v2 plugin what the API server does, by the API server's own code: asks for its
// status, has it encrypt a seed, encrypts an object under that, and reads the object back as after a restart.
// Prints the key_id.
package main

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"k8s.io/apiserver/pkg/storage/value"
	"k8s.io/apiserver/pkg/storage/value/encrypt/envelope/kmsv2"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: kms-client unix:///SOCKET")
	}
	keyID, err := roundTrip(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(keyID)
}

func roundTrip(endpoint string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	plugin, err := kmsv2.NewGRPCService(ctx, endpoint, "splitvault", 3*time.Second)
	if err != nil {
		return "", err
	}
	status, err := plugin.Status(ctx)
	if err != nil {
		return "", err
	}
	if status.Version != kmsv2.KMSAPIVersionv2 || status.Healthz != "ok" {
		return "", fmt.Errorf("version %q, healthz %q", status.Version, status.Healthz)
	}
	transformer, object, _, err := kmsv2.GenerateTransformer(ctx, "a-uid", plugin, true)
	if err != nil {
		return "", err
	}
	if object.KeyID != status.KeyID {
		return "", fmt.Errorf("encrypted under %q, but the status names %q", object.KeyID, status.KeyID)
	}
	state := func() (kmsv2.State, error) {
		return kmsv2.State{
			Transformer:                           transformer,
			EncryptedObjectKeyID:                  object.KeyID,
			EncryptedObjectEncryptedDEKSource:     object.EncryptedDEKSource,
			EncryptedObjectAnnotations:            object.Annotations,
			EncryptedObjectEncryptedDEKSourceType: object.EncryptedDEKSourceType,
			ExpirationTimestamp:                   time.Now().Add(time.Minute),
			CacheKey:                              []byte("not the cache's own, so that reading asks the plugin"),
			KMSProviderName:                       "splitvault",
		}, nil
	}
	plaintext, place := []byte("an object"), value.DefaultContext("/registry/secrets/a")
	writer := kmsv2.NewEnvelopeTransformer(plugin, "splitvault", state, "writer")
	stored, err := writer.TransformToStorage(ctx, plaintext, place)
	if err != nil {
		return "", err
	}
	reader := kmsv2.NewEnvelopeTransformer(plugin, "splitvault", state, "reader")
	read, stale, err := reader.TransformFromStorage(ctx, stored, place)
	if err != nil {
		return "", err
	}
	if stale || !bytes.Equal(read, plaintext) {
		return "", fmt.Errorf("stale %v, read %q", stale, read)
	}
	return status.KeyID, nil
}
