package transport_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/xdg-go/scram"

	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/transport"
)

func decodeSASL(t *testing.T, text string) (transport.SASL, error) {
	t.Helper()
	s, err := config.ParseSection("bus.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var c struct {
		SASL transport.SASL `yaml:"sasl"`
	}
	err = s.Decode(&c)
	return c.SASL, err
}

func TestSASLConfig(t *testing.T) {
	for text, want := range map[string]string{
		"sasl: {}":                          "",
		"sasl: {mechanism: scram-sha-1}":    `bus.yaml:1:19: sasl.mechanism: "scram-sha-1" is none of plain, scram-sha-256, scram-sha-512; did you mean "scram-sha-512"?`,
		"sasl: {mechanism: plain}":          "bus.yaml:1:1: sasl.username: is missing\nbus.yaml:1:1: sasl.password: is missing",
		"sasl: {username: u, password: pw}": "bus.yaml:1:1: sasl.mechanism: is missing; write one of plain, scram-sha-256, scram-sha-512",
	} {
		_, err := decodeSASL(t, text)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", text, got, want)
		}
	}
	if m, err := transport.Mechanism(transport.SASL{}); m != nil || err != nil {
		t.Errorf("no SASL: got %v, %v", m, err)
	}
}

func TestPlainTakesARotatedPassword(t *testing.T) {
	path := put(t, filepath.Join(t.TempDir(), "password"), []byte("one"), time.Hour)
	s, err := decodeSASL(t, "sasl: {mechanism: plain, username: u, password: \"${file:"+path+"}\"}")
	if err != nil {
		t.Fatal(err)
	}
	m, err := transport.Mechanism(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, password := range []string{"one", "two"} {
		put(t, path, []byte(password), time.Duration(len(password))*time.Minute)
		if err := os.Chtimes(path, time.Time{}, time.Now()); err != nil {
			t.Fatal(err)
		}
		_, first, err := m.Start(t.Context())
		if want := "\x00u\x00" + password; string(first) != want || err != nil {
			t.Errorf("got %q, %v, want %q", first, err, want)
		}
	}
}

// The whole exchange, with a server of the same protocol.
func TestScram(t *testing.T) {
	for name, hash := range map[string]scram.HashGeneratorFcn{"scram-sha-256": scram.SHA256, "scram-sha-512": scram.SHA512} {
		t.Run(name, func(t *testing.T) {
			m, err := transport.Mechanism(transport.SASL{Mechanism: name, Username: "u", Password: config.NewSecret("pw")})
			if err != nil {
				t.Fatal(err)
			}
			if m.Name() != strings.ToUpper(name) {
				t.Errorf("got %s", m.Name())
			}
			known, err := hash.NewClient("u", "pw", "")
			if err != nil {
				t.Fatal(err)
			}
			stored, err := known.GetStoredCredentialsWithError(scram.KeyFactors{Salt: "salt", Iters: 4096})
			if err != nil {
				t.Fatal(err)
			}
			server, err := hash.NewServer(func(string) (scram.StoredCredentials, error) { return stored, nil })
			if err != nil {
				t.Fatal(err)
			}
			talk := server.NewConversation()
			session, message, err := m.Start(t.Context())
			for done := false; err == nil && !done; {
				var challenge string
				if challenge, err = talk.Step(string(message)); err == nil {
					done, message, err = session.Next(t.Context(), []byte(challenge))
				}
			}
			if err != nil || !talk.Valid() {
				t.Errorf("not let in: %v", err)
			}
		})
	}
}
