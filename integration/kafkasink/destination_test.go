package kafkasink

import (
	"encoding/binary"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/shiplog/shiplog/integration/topic"
	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/sinks"
	"github.com/shiplog/shiplog/pkg/sinks/kafka"
	"github.com/shiplog/shiplog/pkg/sinks/sinktest"
)

const audit = "audit"

// destination is a cluster in this process, with the topic audit.
type destination struct {
	*kfake.Cluster
	t      *testing.T
	config string // further lines of the sink's section

	mu     sync.Mutex // guards what follows
	marked map[string]sinks.Outcome
	fault  *kfake.FaultHandle
}

func start(t *testing.T, brokers int, partitions int32, lines ...string) *destination {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(brokers), kfake.SeedTopics(partitions, audit))
	if err != nil {
		t.Fatalf("start the cluster: %v", err)
	}
	t.Cleanup(c.Close)
	d := &destination{Cluster: c, t: t, config: strings.Join(lines, "\n"), marked: make(map[string]sinks.Outcome)}
	c.ControlKey(int16(kmsg.Produce), d.judge)
	return d
}

// Open implements sinktest.Destination.
func (d *destination) Open(t *testing.T, deps sinks.Deps) sinks.Sink {
	t.Helper()
	spec := decode(t, fmt.Sprintf("type: kafka\nbrokers: [%s]\ntopic: %s\n%s", strings.Join(d.ListenAddrs(), ", "), audit, d.config))
	s, err := spec.Open(deps)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return s
}

func decode(t *testing.T, text string) sinks.Spec {
	t.Helper()
	section, err := config.ParseSection("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	spec, err := kafka.Factory().Decode(section)
	if err != nil {
		t.Fatalf("decode: %v", err)
	}
	return spec
}

func (d *destination) committed() []*kgo.Record {
	return topic.Committed(d.t, audit, kgo.SeedBrokers(d.ListenAddrs()...))
}

// Accepted implements sinktest.Destination.
func (d *destination) Accepted() []string { return topic.IDs(d.committed()) }

// Meet implements sinktest.Destination.
func (d *destination) Meet(c sinktest.Condition) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fault != nil {
		d.fault.Remove()
		d.fault = nil
	}
	meet := map[sinktest.Condition]*kerr.Error{
		sinktest.Busy:    kerr.NotEnoughReplicas,
		sinktest.Locked:  kerr.SaslAuthenticationFailed,
		sinktest.Unready: kerr.TopicAuthorizationFailed,
	}[c]
	if meet != nil {
		d.fault = d.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: meet, Count: -1})
	}
}

// Mark implements sinktest.Destination.
func (d *destination) Mark(id string, o sinks.Outcome) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.marked[id] = o
}

// Hang implements sinktest.Destination.
func (d *destination) Hang() <-chan struct{} {
	arrived := make(chan struct{}, 1)
	d.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		d.KeepControl()
		select {
		case arrived <- struct{}{}:
		default:
		}
		return nil, nil, true
	})
	return arrived
}

// judge answers for the broker where a record is marked.
func (d *destination) judge(r kmsg.Request) (kmsg.Response, error, bool) {
	d.KeepControl()
	req := r.(*kmsg.ProduceRequest)
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.marked) == 0 {
		return nil, nil, false // the records may be compressed
	}
	for _, rt := range req.Topics {
		for _, rp := range rt.Partitions {
			refused, again := d.marks(rp.Records)
			if len(refused) == 0 && !again {
				continue
			}
			return refuse(req, rp.Partition, refused), nil, true
		}
	}
	return nil, nil, false
}

func (d *destination) marks(raw []byte) (refused []int32, again bool) {
	for i, id := range idsIn(raw) {
		switch d.marked[id] {
		case sinks.Refused:
			refused = append(refused, int32(i))
		case sinks.Again:
			again = true
		default:
		}
	}
	if len(refused) > 0 || !again {
		return refused, false
	}
	for _, id := range idsIn(raw) {
		if d.marked[id] == sinks.Again {
			delete(d.marked, id)
		}
	}
	return nil, true
}

// refuse answers for one partition as a broker does that does not take records:
// it names them, or lacks replicas.
func refuse(req *kmsg.ProduceRequest, partition int32, records []int32) kmsg.Response {
	resp := req.ResponseKind().(*kmsg.ProduceResponse)
	part := kmsg.NewProduceResponseTopicPartition()
	part.Partition = partition
	part.ErrorCode = kerr.NotEnoughReplicas.Code
	for _, n := range records {
		part.ErrorCode = kerr.InvalidRecord.Code
		why := "not that one"
		part.ErrorRecords = append(part.ErrorRecords, kmsg.ProduceResponseTopicPartitionErrorRecord{RelativeOffset: n, ErrorMessage: &why})
	}
	resp.Topics = []kmsg.ProduceResponseTopic{{Topic: req.Topics[0].Topic, Partitions: []kmsg.ProduceResponseTopicPartition{part}}}
	return resp
}

// idsIn reads the header ce_id of each record of an uncompressed record batch.
func idsIn(raw []byte) []string {
	var batch kmsg.RecordBatch
	if err := batch.ReadFrom(raw); err != nil {
		return nil
	}
	var ids []string
	for rest := batch.Records; len(rest) > 0; {
		length, n := binary.Varint(rest)
		var r kmsg.Record
		if err := r.ReadFrom(rest[:n+int(length)]); err != nil {
			return ids
		}
		rest = rest[n+int(length):]
		id := ""
		for _, h := range r.Headers {
			if h.Key == "ce_id" {
				id = string(h.Value)
			}
		}
		ids = append(ids, id)
	}
	return ids
}
