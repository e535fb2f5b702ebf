package transport

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/segmentio/kafka-go/sasl"
	saslplain "github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"

	"github.com/shiplog/shiplog/pkg/config"
)

// SASL is how we show who we are to Kafka. The zero value: not at all.
type SASL struct {
	Mechanism string        `yaml:"mechanism" enum:"plain,scram-sha-256,scram-sha-512" doc:"How we show who we are; empty: not at all."`
	Username  string        `yaml:"username" doc:"Name to log in with."`
	Password  config.Secret `yaml:"password" doc:"Its password; from a file it is read again when the file changes."`
}

// Validate says what is missing.
func (s SASL) Validate() error {
	if s.Mechanism == "" {
		if s.Username != "" || !s.Password.IsZero() {
			return config.Problem("mechanism", "is missing; write one of plain, scram-sha-256, scram-sha-512")
		}
		return nil
	}
	var errs []error
	if s.Username == "" {
		errs = append(errs, config.Problem("username", "is missing"))
	}
	if s.Password.IsZero() {
		errs = append(errs, config.Problem("password", "is missing"))
	}
	return errors.Join(errs...)
}

// Mechanism makes kafka-go's mechanism: nil for the zero SASL. It asks for the
// password at each connection, so that a rotated one is taken up.
func Mechanism(s SASL) (sasl.Mechanism, error) {
	switch s.Mechanism {
	case "":
		return nil, nil //nolint:nilnil // no SASL is a valid choice
	case "plain", "scram-sha-256", "scram-sha-512":
		return mechanism{s}, nil
	default:
		return nil, fmt.Errorf("sasl.mechanism: %q is none of plain, scram-sha-256, scram-sha-512", s.Mechanism)
	}
}

type mechanism struct{ s SASL }

// Name implements sasl.Mechanism.
func (m mechanism) Name() string { return strings.ToUpper(m.s.Mechanism) }

// Start implements sasl.Mechanism.
func (m mechanism) Start(ctx context.Context) (sasl.StateMachine, []byte, error) {
	password := m.s.Password.Reveal()
	var algorithm scram.Algorithm
	switch m.s.Mechanism {
	case "scram-sha-256":
		algorithm = scram.SHA256
	case "scram-sha-512":
		algorithm = scram.SHA512
	default:
		return saslplain.Mechanism{Username: m.s.Username, Password: password}.Start(ctx)
	}
	inner, err := scram.Mechanism(algorithm, m.s.Username, password)
	if err != nil {
		return nil, nil, fmt.Errorf("sasl: prepare the password: %w", err)
	}
	return inner.Start(ctx)
}
