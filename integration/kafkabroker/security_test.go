//go:build integration

package kafkabroker

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/shiplog/shiplog/integration/harness"
	"github.com/shiplog/shiplog/pkg/fault"
	"github.com/shiplog/shiplog/pkg/sinks/sinktest"
)

func testSecurity(t *testing.T, k *harness.Kafka) {
	create(t, k, "secured", 2)
	grant(t, k, kadm.NewACLs().Topics("secured").ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpWrite, kadm.OpDescribe))
	stranger := harness.NewAuthority(t)
	mine := k.Authority.Issue(harness.KafkaUser, time.Now().Add(time.Hour))
	expired := k.Authority.Issue("expired", time.Now().Add(-time.Hour))
	ca := func(a *harness.Authority, more string) string {
		return fmt.Sprintf("tls: {ca_file: %s%s}", a.CAFile, more)
	}
	own := func(c harness.Certificate) string {
		return fmt.Sprintf(", cert_file: %s, key_file: %s", c.CertFile, c.KeyFile)
	}
	login := func(mechanism, password string) string {
		return fmt.Sprintf("sasl: {mechanism: %s, username: %s, password: %s}", mechanism, harness.KafkaUser, password)
	}
	for name, test := range map[string]struct {
		brokers []string
		lines   []string
		kind    fault.Kind
		hint    string // part of the error; empty: it is let in
	}{
		"SCRAM-SHA-512":         {k.SCRAM(), []string{ca(k.Authority, ""), login("scram-sha-512", harness.KafkaPassword)}, 0, ""},
		"SCRAM-SHA-256":         {k.SCRAM(), []string{ca(k.Authority, ""), login("scram-sha-256", harness.KafkaPassword)}, 0, ""},
		"wrong password":        {k.SCRAM(), []string{ca(k.Authority, ""), login("scram-sha-512", "guess")}, fault.Credentials, "Authentication"},
		"mechanism is off":      {k.SCRAM(), []string{ca(k.Authority, ""), login("plain", harness.KafkaPassword)}, fault.Credentials, "SASL"},
		"no SASL":               {k.SCRAM(), []string{ca(k.Authority, "")}, fault.Retry, "wants SASL"},
		"no TLS":                {k.SCRAM(), nil, fault.Retry, "wants TLS"},
		"another authority":     {k.SCRAM(), []string{ca(stranger, ""), login("scram-sha-512", harness.KafkaPassword)}, fault.Setup, "tls.ca_file"},
		"system's authorities":  {k.SCRAM(), []string{"tls: {}", login("scram-sha-512", harness.KafkaPassword)}, fault.Setup, "tls.ca_file"},
		"wrong name":            {k.SCRAM(), []string{ca(k.Authority, ", server_name: kafka.example.com"), login("scram-sha-512", harness.KafkaPassword)}, fault.Setup, "certificate is for localhost"},
		"client certificate":    {k.MTLS(), []string{ca(k.Authority, own(mine))}, 0, ""},
		"no client certificate": {k.MTLS(), []string{ca(k.Authority, "")}, fault.Setup, "tls.cert_file"},
		"expired certificate":   {k.MTLS(), []string{ca(k.Authority, own(expired))}, fault.Setup, "certificate"},
		"TLS to a plain port":   {k.Plain(), []string{ca(k.Authority, "")}, fault.Retry, "speaks no TLS"},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, section(test.brokers, "secured", test.lines...))
			if test.hint == "" {
				settle(t, s, sinktest.Batch(0, 10, nil))
				return
			}
			_, err := s.Deliver(t.Context(), sinktest.Batch(0, 10, nil))
			if err == nil || fault.KindOf(err) != test.kind || !strings.Contains(err.Error(), test.hint) {
				t.Errorf("got %v (%v), want %v with %q", err, fault.KindOf(err), test.kind, test.hint)
			}
			if strings.Contains(fmt.Sprint(err), "guess") {
				t.Error("the password is in the error")
			}
		})
	}
}
