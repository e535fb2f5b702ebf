package config

import "time"

// Duration is a length of time, written as Go writes it or with "d" for days.
type Duration time.Duration

// Size is a number of bytes, written as a number with KiB, MiB or GiB.
type Size int64

// Secret is a text that never shows: it prints as ***.
type Secret struct{ text string }

// Reveal returns the secret's current text. A secret from ${file:…} is read
// again when its file has changed, so that credentials rotate without a
// restart: ask each time, keep nothing.
func (s Secret) Reveal() string { return s.text }

// TLS is how a connection is secured.
type TLS struct {
	CAFile             string `yaml:"ca_file"`
	CertFile           string `yaml:"cert_file"`
	KeyFile            string `yaml:"key_file"`
	ServerName         string `yaml:"server_name"`
	MinVersion         string `yaml:"min_version"`
	InsecureSkipVerify bool   `yaml:"insecure_skip_verify"`
}
