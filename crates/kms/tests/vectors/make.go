// Makes kms.json: keys wrapped with a KMS as docs/crypto.md has it, by code that shares nothing with the crates, on
// Go's standard library. Run it as `go run make.go > kms.json`; it comes out the same each time.
package main

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"os"
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

func fields(parts ...string) string {
	var out []byte
	for _, part := range parts {
		out = binary.BigEndian.AppendUint64(out, uint64(len(part)))
		out = append(out, part...)
	}
	return string(out)
}

func derive(key, salt []byte, info string, n int) []byte {
	return must(hkdf.Key(sha256.New, key, salt, info, n))
}

// seal makes the envelope of docs/crypto.md; size is that of the padded plaintext.
func seal(key, id, salt []byte, format, ring string, size int, plaintext []byte, coordinates ...string) []byte {
	info := fields(format, ring)
	derived := derive(key, salt, info, 64)
	out := append(append(append([]byte{1}, id...), salt...), derived[32:]...)
	associated := append(append(append([]byte{}, out...), info...), fields(coordinates...)...)
	padded := append(binary.BigEndian.AppendUint32(nil, uint32(len(plaintext))), plaintext...)
	padded = append(padded, make([]byte, size-len(padded))...)
	aead := must(cipher.NewGCM(must(aes.NewCipher(derived[:32]))))
	return aead.Seal(out, make([]byte, 12), padded, associated)
}

func part(header []byte, bytes string) []byte {
	return append(binary.BigEndian.AppendUint16(header, uint16(len(bytes))), bytes...)
}

func ring(name string, start byte) object {
	oneTime, master, id := sequence(start, 32), sequence(start+0x20, 32), sequence(start+0x08, 8)
	installation, ciphertext := sequence(0xa0, 16), sequence(start+0x60, 60)
	header := part(part([]byte{2}, "vendor-1"), "arn:key/"+name)
	header = part(part(binary.BigEndian.AppendUint16(header, 2), "a.kms.example.com"), "first")
	header = part(part(part(header, "b.kms.example.com"), ""), string(ciphertext))
	kek := derive(oneTime, nil, fields("splitvault/one-time-kek/v1", name, string(header)), 32)
	kekID := derive(kek, nil, fields("splitvault/kek-id/v1", name), 8)
	wrapped := seal(kek, kekID, sequence(start+0x40, 32), "splitvault/master-key/v1", name, 64, master, string(installation), string(id))
	label, secret := "sealing-key/1", []byte("another secret at rest")
	sealed := seal(kek, kekID, sequence(start+0x41, 32), "splitvault/bytes/v1", name, 64, secret, string(installation), label)
	// What the master key encrypts, because no one gets to see its bytes: revision 1 of environment and entry 0.
	zero := string(make([]byte, 16))
	entry := seal(master, id, sequence(start+0x42, 32), "splitvault/entry/v1", name, 64, []byte("canary"),
		string(installation), zero, string(binary.BigEndian.AppendUint64(nil, 1)), zero)
	return object{
		"one_time": hex.EncodeToString(oneTime), "ciphertext": hex.EncodeToString(ciphertext), "key_id": "arn:key/" + name,
		"installation": hex.EncodeToString(installation), "id": hex.EncodeToString(id),
		"wrapped": hex.EncodeToString(append(append([]byte{}, header...), wrapped...)), "entry": hex.EncodeToString(entry),
		"label": label, "secret": string(secret), "sealed": hex.EncodeToString(append(append([]byte{}, header...), sealed...)),
	}
}

func main() {
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", " ")
	if err := out.Encode(object{"names": ring("names", 0x00), "values": ring("values", 0x80)}); err != nil {
		panic(err)
	}
}
