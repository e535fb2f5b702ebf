package config

import (
	"errors"
	"os"
)

// TLS is how a connection is secured.
type TLS struct {
	Enabled            bool   `yaml:"enabled" doc:"Use TLS although nothing else here is set; for destinations whose address does not say it, such as Kafka brokers."`
	CAFile             string `yaml:"ca_file" doc:"PEM file with the authorities to trust instead of the system's."`
	CertFile           string `yaml:"cert_file" doc:"PEM file with our certificate and its chain; read again when it changes."`
	KeyFile            string `yaml:"key_file" doc:"PEM file with the key of cert_file."`
	ServerName         string `yaml:"server_name" doc:"Name to expect in the server's certificate; empty: the host that is called."`
	MinVersion         string `yaml:"min_version" enum:"1.2,1.3" doc:"Oldest TLS version to accept."`
	InsecureSkipVerify bool   `yaml:"insecure_skip_verify" doc:"Accept any certificate. Anyone on the way can then read and change what is sent."`

	// Given tells that the file has the section, if only as tls: {}. It matters
	// where no URL says whether TLS is spoken.
	Given bool `yaml:"-"`
}

// Validate says which files are missing, and warns where nothing is verified.
func (t TLS) Validate() error {
	errs := []error{readable("ca_file", t.CAFile), readable("cert_file", t.CertFile), readable("key_file", t.KeyFile)}
	switch {
	case t.CertFile != "" && t.KeyFile == "":
		errs = append(errs, Problem("key_file", "is missing; cert_file needs its key"))
	case t.CertFile == "" && t.KeyFile != "":
		errs = append(errs, Problem("cert_file", "is missing; key_file needs its certificate"))
	}
	if t.InsecureSkipVerify {
		errs = append(errs, Warn("insecure_skip_verify", "the server's certificate is not verified: anyone on the way can read and change what is sent; give ca_file instead"))
	}
	return errors.Join(errs...)
}

// ServerTLS is how our own listener is secured. Empty: it is not.
type ServerTLS struct {
	CertFile string `yaml:"cert_file" doc:"PEM file with the certificate and its chain."`
	KeyFile  string `yaml:"key_file" doc:"PEM file with the key of cert_file."`
}

// Validate says which files are missing.
func (t ServerTLS) Validate() error {
	return TLS{CertFile: t.CertFile, KeyFile: t.KeyFile}.Validate()
}

func readable(field, name string) error {
	if name == "" {
		return nil
	}
	f, err := os.Open(name) // #nosec G304 -- the user named it in the config
	if err != nil {
		return Problem(field, "%w", err)
	}
	return f.Close()
}
