//go:build integration

package kafkabroker

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/shiplog/shiplog/integration/harness"
	"github.com/shiplog/shiplog/pkg/fault"
	"github.com/shiplog/shiplog/pkg/sinks"
	"github.com/shiplog/shiplog/pkg/sinks/sinktest"
)

func TestSecurity(t *testing.T) {
	k := harness.StartKafka(t, 1)
	create(t, k, "audit", 2)
	grant(t, k, kadm.NewACLs().Topics("audit").ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpWrite, kadm.OpDescribe))
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
			s := open(t, section(test.brokers, "audit", test.lines...))
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

// A password that is changed at the broker and then in its file is taken up
// without a restart.
func TestPasswordRotates(t *testing.T) {
	k := harness.StartKafka(t, 1)
	create(t, k, "audit", 1)
	grant(t, k, kadm.NewACLs().Topics("audit").ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpWrite, kadm.OpDescribe))
	file := filepath.Join(t.TempDir(), "password")
	write := func(password string) {
		if err := os.WriteFile(file, []byte(password), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(harness.KafkaPassword)
	s := open(t, section(k.SCRAM(), "audit", "tls: {ca_file: "+k.Authority.CAFile+"}",
		fmt.Sprintf("sasl: {mechanism: scram-sha-512, username: %s, password: \"${file:%s}\"}", harness.KafkaUser, file)))
	settle(t, s, sinktest.Batch(0, 10, nil))
	_, err := k.Admin().AlterUserSCRAMs(t.Context(), nil, []kadm.UpsertSCRAM{{
		User: harness.KafkaUser, Mechanism: kadm.ScramSha512, Iterations: 4096, Password: "a new one",
	}})
	if err != nil {
		t.Fatal(err)
	}
	// A connection that was let in stays so. The broker's restart ends it.
	k.Brokers[0].Stop()
	k.Brokers[0].Start()
	k.Ready(1)
	b := sinktest.Batch(10, 10, nil)
	for { // the first request learns that the connection is gone
		if _, err = s.Deliver(t.Context(), b); fault.KindOf(err) == fault.Credentials || err == nil {
			break
		}
	}
	if fault.KindOf(err) != fault.Credentials {
		t.Fatalf("the old password: %v", err)
	}
	write("a new one")
	deliver(t, s, b)
}

// The rights that are documented are the ones that are needed: with each one
// missing, check says which, and with all of them it works.
func TestRights(t *testing.T) {
	k := harness.StartKafka(t, 1)
	create(t, k, "audit", 2)
	const id = "shiplog-2f1c8a50-7d3e-4b58-9a51-0c9f4f1e6c77-tested"
	s := open(t, section(k.SCRAM(), "audit", "exactly_once: true", "tls: {ca_file: "+k.Authority.CAFile+"}",
		fmt.Sprintf("sasl: {mechanism: scram-sha-512, username: %s, password: %s}", harness.KafkaUser, harness.KafkaPassword)))
	literal := func() *kadm.ACLBuilder { return kadm.NewACLs().ResourcePatternType(kadm.ACLPatternLiteral) }
	for _, step := range []struct {
		missing string
		grant   *kadm.ACLBuilder
	}{
		{"topic audit: we may not see it", literal().Topics("audit").Operations(kadm.OpDescribe)},
		{"grant Write on the topic audit", literal().Topics("audit").Operations(kadm.OpWrite)},
		{"grant Write and Describe on the transactional id " + id, literal().TransactionalIDs(id).Operations(kadm.OpWrite, kadm.OpDescribe)},
		{"grant Read on the group " + id, literal().Groups(id).Operations(kadm.OpRead)},
		{"grant Read on the topic audit", literal().Topics("audit").Operations(kadm.OpRead)},
	} {
		var err error
		if !eventually(t, func() bool { // a grant takes a moment to reach the broker
			err = s.(sinks.Checker).Check(t.Context(), func(string) {})
			return err != nil && strings.HasPrefix(err.Error(), step.missing)
		}) {
			t.Errorf("got %v, want that %q is missing", err, step.missing)
		}
		if _, err := s.Deliver(t.Context(), sinktest.Batch(0, 10, nil)); fault.KindOf(err) != fault.Setup {
			t.Errorf("deliver without %s: %v (%v), want a matter of setup", step.missing, err, fault.KindOf(err))
		}
		grant(t, k, step.grant)
	}
	var err error
	if !eventually(t, func() bool {
		err = s.(sinks.Checker).Check(t.Context(), func(string) {})
		return err == nil
	}) {
		t.Errorf("with all rights: %v", err)
	}
	settle(t, s, sinktest.Batch(0, 10, nil))
	once(t, committed(t, k, "audit"), 10)
}
