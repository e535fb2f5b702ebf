//go:build integration

package kafkaagent

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/shiplog/shiplog/integration/harness"
	"github.com/shiplog/shiplog/integration/topic"
)

// secured is a sink's and a source's section for the SCRAM listeners, with the
// password in a file.
func secured(k *harness.Kafka) string {
	return fmt.Sprintf(`brokers: %s, tls: {ca_file: %s}, sasl: {mechanism: scram-sha-512, username: %s, password: "${file:password}"}`,
		list(k.SCRAM()), k.Authority.CAFile, harness.KafkaUser)
}

// The rights that are documented are the ones that are needed: with each one
// missing, agent check says which, and with all of them it works.
func testRights(t *testing.T, k *harness.Kafka) {
	const total = 100
	create(t, k, "incoming", 2)
	create(t, k, "guarded", 2)
	produce(t, k, "incoming", 0, total)
	u := newUser(t, fmt.Sprintf(`
data_dir: data
sources:
  bus: {type: kafka, %[1]s, topics: [incoming], group: readers}
sinks:
  kafka: {type: kafka, %[1]s, topic: guarded, exactly_once: true}
`, secured(k)))
	u.write("password", harness.KafkaPassword)
	const agent = "2f1c8a50-7d3e-4b58-9a51-0c9f4f1e6c77"
	id := "shiplog-" + agent + "-kafka"
	out, code := "", 0
	said := func(text string) {
		t.Helper()
		if !eventually(t, nil, func() bool { // a grant takes a moment to reach the broker
			out, code = u.command("check", "--connect")
			return code == 1 && strings.Contains(out, text)
		}) {
			t.Errorf("check: exit code %d, want that %q is said:\n%s", code, text, out)
		}
	}
	type step struct {
		missing string
		grant   *kadm.ACLBuilder
	}
	for _, step := range []step{
		{"! topic incoming", kadm.NewACLs().Topics("incoming").Operations(kadm.OpDescribe)},
		{"! grant Read on the topic incoming", kadm.NewACLs().Topics("incoming").Operations(kadm.OpRead)},
		{"! grant Read on the group readers", kadm.NewACLs().Groups("readers").Operations(kadm.OpRead)},
		{"! topic guarded: we may not see it: grant Describe and Write on it", kadm.NewACLs().Topics("guarded").Operations(kadm.OpDescribe)},
		{"! grant Write on the topic guarded", kadm.NewACLs().Topics("guarded").Operations(kadm.OpWrite)},
	} {
		said(step.missing)
		grant(t, k, step.grant)
	}
	said("! grant Write and Describe on every transactional id that begins with shiplog-: ")
	u.write("data/agent-id", agent+"\n") // as of an agent that has run
	for _, step := range []step{
		{"! grant Write and Describe on the transactional id " + id, kadm.NewACLs().TransactionalIDs(id).Operations(kadm.OpWrite, kadm.OpDescribe)},
		{"! grant Read on the group " + id, kadm.NewACLs().Groups(id).Operations(kadm.OpRead)},
		{"! grant Read on the topic guarded", kadm.NewACLs().Topics("guarded").Operations(kadm.OpRead)},
	} {
		said(step.missing)
		grant(t, k, step.grant)
	}
	if !eventually(t, nil, func() bool {
		out, code = u.command("check", "--connect")
		return code == 0 && strings.Contains(out, "replays will not be possible: grant Write and Describe on the transactional id "+id+"-replay")
	}) {
		t.Errorf("check with all rights: exit code %d:\n%s", code, out)
	}
	u.once()
	complete(t, "the topic", topic.IDs(committed(t, k, "guarded")), total)

	u.write("password", "guess")
	out, code = u.command("check", "--connect")
	if code != 1 || strings.Count(out, "SASL Authentication Failed") < 2 || strings.Contains(out, "guess") {
		t.Errorf("check with a wrong password: exit code %d:\n%s", code, out)
	}
}

// A password is changed at the broker and then in its file. The broker ends
// connections whose login is old, as brokers do where they are so told; nothing
// is lost, and the new one is taken up without a restart.
func testRotation(t *testing.T, k *harness.Kafka) {
	create(t, k, "rotated", 1)
	grant(t, k, kadm.NewACLs().Topics("rotated").Operations(kadm.OpWrite, kadm.OpDescribe))
	u := newUser(t, fmt.Sprintf(`
data_dir: data
sources:
  spool: {type: spool, paths: [spool.jsonl]}
sinks:
  kafka: {type: kafka, %s, topic: rotated, batch: {linger: 10ms}, retry: {initial: 50ms, max: 500ms}}
`, secured(k)))
	u.write("password", harness.KafkaPassword)
	a := u.start()
	w := watch(t, k, "rotated")
	total := 0
	collect := func(until func() bool) {
		if !eventually(t, a, func() bool {
			u.append("spool.jsonl", lines(total, 1, time.Now()))
			total++
			return until()
		}) {
			t.Fatal("waited in vain")
		}
	}
	collect(func() bool { return w.count() > 0 })
	setPassword(t, k, "a new one")
	collect(func() bool { return a.log.contains("SASL Authentication Failed") })
	u.write("password", "a new one")
	seen := w.count()
	collect(func() bool { return w.count() > seen })
	a.stop(t)
	setPassword(t, k, harness.KafkaPassword)
	u.write("password", harness.KafkaPassword)
	u.once()
	t.Logf("%d events, %d repeats", total, complete(t, "the topic", topic.IDs(committed(t, k, "rotated")), total))
	if a.log.contains("a new one") || a.log.contains(harness.KafkaPassword) {
		t.Error("a password is in the log")
	}
}

func setPassword(t *testing.T, k *harness.Kafka, password string) {
	t.Helper()
	_, err := k.Admin().AlterUserSCRAMs(t.Context(), nil, []kadm.UpsertSCRAM{{
		User: harness.KafkaUser, Mechanism: kadm.ScramSha512, Iterations: 4096, Password: password,
	}})
	if err != nil {
		t.Fatal(err)
	}
}
