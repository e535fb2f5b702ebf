package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"

	"github.com/shiplog/shiplog/pkg/config"
)

// secure gives the transport its TLS and SASL.
func secure(t *kafka.Transport, c Config) error {
	if c.SASL.Mechanism != "" {
		t.SASL = mechanism{c.SASL}
	}
	if c.TLS == (config.TLS{}) || c.TLS == (config.TLS{MinVersion: "1.2"}) {
		return nil
	}
	conf := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         c.TLS.ServerName,
		InsecureSkipVerify: c.TLS.InsecureSkipVerify, //nolint:gosec // the user's explicit choice
	}
	if c.TLS.CAFile != "" {
		pem, err := os.ReadFile(c.TLS.CAFile)
		if err != nil {
			return fmt.Errorf("tls.ca_file: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return fmt.Errorf("tls.ca_file: %s holds no certificate", c.TLS.CAFile)
		}
	}
	if c.TLS.CertFile != "" {
		conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			cert, err := tls.LoadX509KeyPair(c.TLS.CertFile, c.TLS.KeyFile)
			return &cert, err
		}
	}
	t.TLS = conf
	return nil
}

// mechanism begins each authentication with the password of the moment, so that
// it can be changed without a restart.
type mechanism struct{ cfg SASL }

// Name implements sasl.Mechanism.
func (m mechanism) Name() string { return strings.ToUpper(m.cfg.Mechanism) }

// Start implements sasl.Mechanism.
func (m mechanism) Start(ctx context.Context) (sasl.StateMachine, []byte, error) {
	var algorithm scram.Algorithm
	switch strings.ToLower(m.cfg.Mechanism) {
	case "plain":
		return plain.Mechanism{Username: m.cfg.Username, Password: m.cfg.Password.Reveal()}.Start(ctx)
	case "scram-sha-256":
		algorithm = scram.SHA256
	case "scram-sha-512":
		algorithm = scram.SHA512
	default:
		return nil, nil, errors.New("sasl.mechanism: not known: " + m.cfg.Mechanism)
	}
	s, err := scram.Mechanism(algorithm, m.cfg.Username, m.cfg.Password.Reveal())
	if err != nil {
		return nil, nil, fmt.Errorf("sasl: %w", err)
	}
	return s.Start(ctx)
}
