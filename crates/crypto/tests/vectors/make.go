// Makes ours.json: an implementation of docs/crypto.md that shares no code with the crate, on Go's standard library.
// Run it as `go run make.go > ours.json`. Envelopes come out the same each time; sealed messages, whose
// randomness Go does not let one choose, do not, so a second run is a second set of vectors, not a check.
// What came later has a file of its own, as `go run make.go escrow > escrow.json`.
package main

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/hpke"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
)

type object = map[string]any

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// sequence returns n bytes that count up from start.
func sequence(start byte, n int) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = start + byte(i)
	}
	return out
}

func fields(parts ...[]byte) []byte {
	var out []byte
	for _, part := range parts {
		out = binary.BigEndian.AppendUint64(out, uint64(len(part)))
		out = append(out, part...)
	}
	return out
}

func pad(data []byte, powers bool) []byte {
	out := append(binary.BigEndian.AppendUint32(nil, uint32(len(data))), data...)
	size := 64
	for size < len(out) {
		if powers {
			size *= 2
		} else {
			size += 64
		}
	}
	return append(out, make([]byte, size-len(out))...)
}

func gcm(key []byte) cipher.AEAD { return must(cipher.NewGCM(must(aes.NewCipher(key)))) }

func envelope(key, id, salt []byte, format, purpose string, coordinates [][]byte, padded []byte) []byte {
	info := fields([]byte(format), []byte(purpose))
	derived := must(hkdf.Key(sha256.New, key, salt, string(info), 64))
	out := append([]byte{1}, id...)
	out = append(append(out, salt...), derived[32:]...)
	associated := append(append(append([]byte{}, out...), info...), fields(coordinates...)...)
	return gcm(derived[:32]).Seal(out, make([]byte, 12), padded, associated)
}

func kekID(kek []byte, ring string) []byte {
	info := fields([]byte("splitvault/kek-id/v1"), []byte(ring))
	return must(hkdf.Key(sha256.New, kek, nil, string(info), 8))
}

func ring(name string, start byte, powers bool) object {
	kek, master := sequence(start, 32), sequence(start+0x20, 32)
	id, installation := sequence(start+0x08, 8), sequence(0xa0, 16)
	environment, entry := sequence(0xb0, 16), sequence(0xc0, 16)
	revision := binary.BigEndian.AppendUint64(nil, 0x0102030405060708)
	salt := func(n byte) []byte { return sequence(start+0x40+n, 32) }
	label, secret := "sealing-key/1", []byte("another secret at rest")
	entries := []object{}
	for n, text := range []string{"", "DATABASE_URL", strings.Repeat("x", 60), strings.Repeat("y", 61), strings.Repeat("é", 200)} {
		sealed := envelope(master, id, salt(byte(n)), "splitvault/entry/v1", name,
			[][]byte{installation, environment, revision, entry}, pad([]byte(text), powers))
		entries = append(entries, object{"plaintext": hex.EncodeToString([]byte(text)), "envelope": hex.EncodeToString(sealed)})
	}
	wrapped := envelope(kek, kekID(kek, name), salt(0x30), "splitvault/master-key/v1", name,
		[][]byte{installation, id}, pad(master, false))
	bytes := envelope(kek, kekID(kek, name), salt(0x31), "splitvault/bytes/v1", name,
		[][]byte{installation, []byte(label)}, pad(secret, true))
	return object{
		"kek":       "splitvault-kek-v1:" + name + ":" + base64.StdEncoding.EncodeToString(kek) + "\n",
		"kek_id":    hex.EncodeToString(kekID(kek, name)),
		"master_id": hex.EncodeToString(id), "master": hex.EncodeToString(master), "wrapped": hex.EncodeToString(wrapped),
		"label": label, "bytes": hex.EncodeToString(secret), "sealed_bytes": hex.EncodeToString(bytes),
		"installation": hex.EncodeToString(installation), "environment": hex.EncodeToString(environment),
		"revision": hex.EncodeToString(revision), "entry": hex.EncodeToString(entry), "entries": entries,
	}
}

func sealed(kem hpke.KEM, algorithm byte, name string, use ...string) object {
	plaintext := []byte("DATABASE_URL=postgres://shop:pa$$word@db/shop\n" + strings.Repeat("#", 30))
	parts := [][]byte{}
	for _, part := range use {
		parts = append(parts, []byte(part))
	}
	out := message(kem, algorithm, name, plaintext, parts)
	out["context"] = use
	return out
}

func message(kem hpke.KEM, algorithm byte, name string, plaintext []byte, use [][]byte) object {
	private := must(kem.NewPrivateKey(sequence(0x30, 32)))
	public := private.PublicKey().Bytes()
	id := sha256.Sum256(append([]byte{algorithm}, public...))
	header := append([]byte{1, algorithm}, id[:8]...)
	info := append(fields([]byte("splitvault/sealed/v1")), fields(use...)...)
	enc, sender, err := hpke.NewSender(private.PublicKey(), hpke.HKDFSHA256(), hpke.AES256GCM(), info)
	ciphertext := must(sender.Seal(header, pad(plaintext, true)))
	return object{
		"key_pair": hex.EncodeToString(append([]byte{algorithm}, must(private.Bytes())...)),
		"public":   "splitvault-sealing-v1:" + name + ":" + base64.StdEncoding.EncodeToString(public),
		"id":       hex.EncodeToString(id[:8]), "plaintext": hex.EncodeToString(plaintext),
		"sealed": hex.EncodeToString(append(append(header, must(enc, err)...), ciphertext...)),
	}
}

func digest() object {
	mac := hmac.New(sha256.New, sequence(0x10, 32))
	mac.Write(fields([]byte("one"), nil, []byte("three")))
	return object{"key": hex.EncodeToString(sequence(0x10, 32)), "parts": []string{"one", "", "three"}, "mac": hex.EncodeToString(mac.Sum(nil))}
}

// escrow seals the master key of a ring of ours.json to the offline recipient.
func escrow(ring string, start byte) object {
	master, id, installation := sequence(start+0x20, 32), sequence(start+0x08, 8), sequence(0xa0, 16)
	out := message(hpke.MLKEM768X25519(), 2, "xwing", master, [][]byte{[]byte("escrow"), installation, []byte(ring), id})
	out["private"] = "splitvault-sealing-private-v1:xwing:" + base64.StdEncoding.EncodeToString(sequence(0x30, 32)) + "\n"
	return out
}

func main() {
	x25519 := hpke.DHKEM(ecdh.X25519())
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", " ")
	if len(os.Args) > 1 && os.Args[1] == "escrow" {
		out.Encode(object{"names": escrow("names", 0x00), "values": escrow("values", 0x80)})
		return
	}
	out.Encode(object{
		"names": ring("names", 0x00, false), "values": ring("values", 0x80, true), "digest": digest(),
		"sealed": []object{
			sealed(hpke.MLKEM768X25519(), 2, "xwing", "manifest", "shop", "web"),
			sealed(x25519, 1, "x25519", "delivery", "0b0c5a4e-5f4e-4f4e-8a53-1f0e6d7f3c21"),
			sealed(x25519, 1, "x25519", "answer", "6a1f3c9e-2b7d-4c55-9a1e-7f0d2c4b8e93"),
		},
	})
}
