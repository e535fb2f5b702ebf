package harness

import (
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	kafkaVersion = "4.4.0" // as in the pom
	clusterID    = "c2hpcGxvZy1pbnRlZ3Jh"

	// readyTimeout bounds the start of a server on a slow machine.
	readyTimeout = 5 * time.Minute
)

//go:embed kafka-pom.xml
var kafkaPom []byte

//go:embed log4j2.properties
var log4j []byte

// KafkaUser and KafkaPassword log in to the SCRAM listeners, by SCRAM-SHA-256
// and -512. The user may do nothing until it is granted.
const (
	KafkaUser     = "shiplog"
	KafkaPassword = "correct horse"
)

// Kafka is a cluster in KRaft mode. Whoever comes by the plain listener may do
// everything; all others need grants.
type Kafka struct {
	Brokers   []*Broker
	Authority *Authority

	t    testing.TB
	dir  string
	jars string
}

// Broker is one node, both broker and controller.
type Broker struct {
	*Process
	ID    int
	Plain string // address of the listener without any security
	SCRAM string // with TLS and SCRAM
	MTLS  string // with TLS and client certificates

	cluster    *Kafka
	controller string
	properties string // file
}

// StartKafka starts a cluster of n brokers, with settings (name=value) beyond
// those that a test needs. It is ready when the call returns.
func StartKafka(t testing.TB, n int, settings ...string) *Kafka {
	t.Helper()
	k := &Kafka{t: t, jars: maven(t, "kafka-"+kafkaVersion, kafkaPom), dir: workDir(t, "kafka"), Authority: NewAuthority(t)}
	must(t, os.WriteFile(filepath.Join(k.dir, "log4j2.properties"), log4j, 0o600))
	p := Ports(t, 4*n)
	for i := range n {
		k.Brokers = append(k.Brokers, &Broker{
			ID: i + 1, cluster: k,
			Plain: local(p[4*i]), SCRAM: local(p[4*i+1]), MTLS: local(p[4*i+2]), controller: local(p[4*i+3]),
		})
	}
	server := k.Authority.Issue("broker", time.Now().Add(24*time.Hour), "localhost")
	for _, b := range k.Brokers {
		b.configure(server, settings)
	}
	k.format()
	t.Cleanup(k.stop)
	for _, b := range k.Brokers {
		b.Start()
	}
	k.Ready(n)
	return k
}

func local(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

func (k *Kafka) stop() {
	for _, b := range k.Brokers {
		if b.Process == nil {
			continue
		}
		b.Kill() // nothing that it holds is wanted any more
		if k.t.Failed() {
			k.t.Logf("broker %d, end of its log:\n%s", b.ID, tail(b.log))
		}
	}
}

// Plain lists the addresses of the plain listeners.
func (k *Kafka) Plain() []string { return k.addresses(func(b *Broker) string { return b.Plain }) }

// SCRAM lists the addresses of the SCRAM listeners.
func (k *Kafka) SCRAM() []string { return k.addresses(func(b *Broker) string { return b.SCRAM }) }

// MTLS lists the addresses of the listeners that want a client certificate.
func (k *Kafka) MTLS() []string { return k.addresses(func(b *Broker) string { return b.MTLS }) }

func (k *Kafka) addresses(of func(*Broker) string) []string {
	all := make([]string, len(k.Brokers))
	for i, b := range k.Brokers {
		all[i] = of(b)
	}
	return all
}

// Admin returns a client that may do everything.
func (k *Kafka) Admin() *kadm.Client {
	k.t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(k.Plain()...))
	must(k.t, err)
	k.t.Cleanup(c.Close)
	return kadm.NewClient(c)
}

// Ready waits until n brokers are in the cluster and answer, and the partitions
// of all topics have leaders.
func (k *Kafka) Ready(n int) {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(k.t.Context(), readyTimeout)
	defer cancel()
	for _, b := range k.Brokers {
		if b.running() {
			b.ready(ctx, n)
		}
	}
}

func (b *Broker) running() bool {
	if b.Process == nil {
		return false
	}
	select {
	case <-b.Ended():
		return false
	default:
		return true
	}
}

// ready asks one broker until it tells of n brokers and a leader everywhere.
func (b *Broker) ready(ctx context.Context, n int) {
	t := b.cluster.t
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(b.Plain), kgo.RetryTimeout(time.Second))
	must(t, err)
	defer c.Close()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		m, err := kadm.NewClient(c).Metadata(ctx)
		if err == nil && len(m.Brokers) == n && led(m) {
			return
		}
		select {
		case <-again.C:
		case <-b.Ended():
			t.Fatalf("broker %d has ended: %v", b.ID, b.err)
		case <-ctx.Done():
			t.Fatalf("broker %d is not ready: sees %d of %d brokers, %v", b.ID, len(m.Brokers), n, err)
		}
	}
}

func led(m kadm.Metadata) bool {
	ok := true
	m.Topics.EachPartition(func(p kadm.PartitionDetail) { ok = ok && p.Leader >= 0 && p.Err == nil })
	return ok
}

// Start starts the broker, on the data that it left if it ran before.
func (b *Broker) Start() {
	b.cluster.t.Helper()
	b.Process = launch(b.cluster.t, filepath.Join(b.cluster.dir, fmt.Sprintf("broker-%d.log", b.ID)), "java", b.java("kafka.Kafka", b.properties)...)
}

func (b *Broker) java(args ...string) []string {
	return append([]string{
		"-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true",
		"-Dlog4j2.configurationFile=" + filepath.Join(b.cluster.dir, "log4j2.properties"),
		"-cp", filepath.Join(b.cluster.jars, "*"),
	}, args...)
}

// format prepares the data directories, with the SCRAM user. It is done for one
// broker, and the others get a copy: each takes seconds.
func (k *Kafka) format() {
	k.t.Helper()
	first := k.Brokers[0]
	user := fmt.Sprintf("[name=%s,password=%s]", KafkaUser, KafkaPassword)
	args := first.java("kafka.tools.StorageTool", "format", "--cluster-id", clusterID, "--config", first.properties,
		"--add-scram", "SCRAM-SHA-256="+user, "--add-scram", "SCRAM-SHA-512="+user)
	if out, err := exec.CommandContext(k.t.Context(), "java", args...).CombinedOutput(); err != nil {
		k.t.Fatalf("format the brokers' directories: %v\n%s", err, out)
	}
	for _, b := range k.Brokers[1:] {
		must(k.t, os.CopyFS(b.data(), os.DirFS(first.data())))
		meta := fmt.Sprintf("version=1\ncluster.id=%s\nnode.id=%d\ndirectory.id=%s\n", clusterID, b.ID, directoryID())
		must(k.t, os.WriteFile(filepath.Join(b.data(), "meta.properties"), []byte(meta), 0o600))
	}
}

// directoryID is a random identity, written as Kafka does.
func directoryID() string {
	var id [16]byte
	_, _ = rand.Read(id[:])
	id[0] &= 0x7f // no sign at its beginning
	return base64.RawURLEncoding.EncodeToString(id[:])
}

func (b *Broker) data() string {
	return filepath.Join(b.cluster.dir, fmt.Sprintf("data-%d", b.ID))
}

// configure writes the properties file. Later settings win.
func (b *Broker) configure(server Certificate, settings []string) {
	k := b.cluster
	k.t.Helper()
	voters := make([]string, 0, len(k.Brokers))
	for _, v := range k.Brokers {
		voters = append(voters, fmt.Sprintf("%d@%s", v.ID, v.controller))
	}
	copies := len(k.Brokers)
	lines := append([]string{
		"process.roles=broker,controller",
		fmt.Sprintf("node.id=%d", b.ID),
		"controller.quorum.voters=" + strings.Join(voters, ","),
		"controller.listener.names=CONTROLLER",
		"inter.broker.listener.name=PLAIN",
		fmt.Sprintf("listeners=PLAIN://%s,SCRAM://%s,MTLS://%s,CONTROLLER://%s", b.Plain, b.SCRAM, b.MTLS, b.controller),
		fmt.Sprintf("advertised.listeners=PLAIN://%s,SCRAM://%s,MTLS://%s", b.Plain, b.SCRAM, b.MTLS),
		"listener.security.protocol.map=PLAIN:PLAINTEXT,SCRAM:SASL_SSL,MTLS:SSL,CONTROLLER:PLAINTEXT",
		"log.dirs=" + b.data(),

		"ssl.keystore.type=PEM",
		"ssl.keystore.location=" + server.KeystoreFile,
		"ssl.truststore.type=PEM",
		"ssl.truststore.location=" + k.Authority.CAFile,
		"listener.name.mtls.ssl.client.auth=required",
		"listener.name.scram.sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512",
		"listener.name.scram.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;",
		"listener.name.scram.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;",
		"authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
		"super.users=User:ANONYMOUS",

		"auto.create.topics.enable=false",
		fmt.Sprintf("default.replication.factor=%d", copies),
		fmt.Sprintf("min.insync.replicas=%d", min(copies, 2)),
		fmt.Sprintf("offsets.topic.replication.factor=%d", copies),
		"offsets.topic.num.partitions=4",
		fmt.Sprintf("transaction.state.log.replication.factor=%d", copies),
		fmt.Sprintf("transaction.state.log.min.isr=%d", min(copies, 2)),
		"transaction.state.log.num.partitions=4",
		"group.initial.rebalance.delay.ms=0",
		"group.min.session.timeout.ms=1000",
		"transaction.abort.timed.out.transaction.cleanup.interval.ms=500",
	}, settings...)
	b.properties = filepath.Join(k.dir, fmt.Sprintf("broker-%d.properties", b.ID))
	must(k.t, os.WriteFile(b.properties, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
}
