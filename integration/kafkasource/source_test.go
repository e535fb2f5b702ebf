package kafkasource

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/leaktest"
	"github.com/shiplog/shiplog/pkg/sources"
	"github.com/shiplog/shiplog/pkg/sources/kafka"
)

const raw = "audit.raw"

// bus is a cluster in this process, with the topic audit.raw.
type bus struct {
	*kfake.Cluster
	t      *testing.T
	client *kgo.Client
}

func start(t *testing.T, brokers int, partitions int32) *bus {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(brokers), kfake.SeedTopics(partitions, raw), kfake.GroupMinSessionTimeout(time.Second))
	if err != nil {
		t.Fatalf("start the cluster: %v", err)
	}
	t.Cleanup(c.Close)
	b := &bus{Cluster: c, t: t}
	b.client = b.connect(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	return b
}

func (b *bus) connect(opts ...kgo.Opt) *kgo.Client {
	b.t.Helper()
	c, err := kgo.NewClient(append(opts, kgo.SeedBrokers(b.ListenAddrs()...))...)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(c.Close)
	return c
}

// produce writes the numbers from first on, spread over the partitions.
func (b *bus) produce(first, count int, partitions int32) {
	b.t.Helper()
	var records []*kgo.Record
	for i := first; i < first+count; i++ {
		records = append(records, &kgo.Record{Topic: raw, Partition: int32(i) % partitions, Value: fmt.Appendf(nil, "%04d", i)})
	}
	if err := b.client.ProduceSync(b.t.Context(), records...).FirstErr(); err != nil {
		b.t.Fatalf("produce: %v", err)
	}
}

// committed returns the group's offset of a partition, -1 for none.
func (b *bus) committed(partition int32) int64 {
	b.t.Helper()
	offsets, err := kadm.NewClient(b.client).FetchOffsets(b.t.Context(), "shiplog")
	if errors.Is(err, kerr.GroupIDNotFound) {
		return -1
	}
	if err != nil {
		b.t.Fatalf("offsets of the group: %v", err)
	}
	o, ok := offsets.Lookup(raw, partition)
	if !ok {
		return -1
	}
	return o.At
}

// reader is an agent: a source and a journal that is a slice.
type reader struct {
	bus    *bus
	config string
	once   bool

	mu       sync.Mutex // guards what follows
	position event.Position
	records  []event.Record
	failures map[string]int
	behind   float64
	refuse   error // of the next emit
	grown    chan struct{}
}

func (b *bus) reader(lines ...string) *reader {
	return &reader{bus: b, config: strings.Join(lines, "\n"), failures: make(map[string]int), grown: make(chan struct{}, 1)}
}

func (r *reader) emit(ctx context.Context, records []event.Record, next event.Position) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refuse != nil {
		return r.refuse
	}
	for _, rec := range records {
		rec.Raw = slices.Clone(rec.Raw)
		r.records = append(r.records, rec)
	}
	r.position = r.position.Merge(next)
	select {
	case r.grown <- struct{}{}:
	default:
	}
	return ctx.Err()
}

// open makes the source.
func (r *reader) open() sources.Source {
	t := r.bus.t
	t.Helper()
	section, err := config.ParseSection("test.yaml", fmt.Appendf(nil, "type: kafka\nbrokers: [%s]\ntopics: [%s]\ndecoder: json\nsession_timeout: 2s\n%s",
		strings.Join(r.bus.ListenAddrs(), ", "), raw, r.config))
	if err != nil {
		t.Fatal(err)
	}
	spec, err := kafka.Factory().Decode(section)
	if err != nil {
		t.Fatal(err)
	}
	s, err := spec.Open(sources.Deps{Name: "bus", Log: slog.New(slog.DiscardHandler), Monitor: r, Once: r.once})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// run runs the source beside the test. The returned function stops it.
func (r *reader) run() (stop func()) {
	ctx, cancel := context.WithCancel(r.bus.t.Context())
	ended := make(chan error, 1)
	r.mu.Lock()
	from := r.position.Clone()
	r.mu.Unlock()
	go func() { ended <- r.open().Run(ctx, from, r.emit) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			r.bus.t.Errorf("run: %v", err)
		}
	})
	r.bus.t.Cleanup(stop)
	return stop
}

// values returns what was read, sorted.
func (r *reader) values() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]string, len(r.records))
	for i := range r.records {
		out[i] = string(r.records[i].Raw)
	}
	slices.Sort(out)
	return out
}

// await waits until count different records were read by the readers together.
func await(t *testing.T, count int, readers ...*reader) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	for {
		var all []string
		for _, r := range readers {
			all = append(all, r.values()...)
		}
		slices.Sort(all)
		have := len(slices.Compact(all))
		if have >= count {
			return
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			t.Fatalf("%d records were read, want %d", have, count)
		}
	}
}

func numbers(first, count int) []string {
	out := make([]string, count)
	for i := range out {
		out[i] = fmt.Sprintf("%04d", first+i)
	}
	return out
}

func same(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("read %d records %v, want %d", len(got), got, len(want))
	}
}

func (r *reader) Connected(bool)            {}
func (r *reader) Complete(time.Time)        {}
func (r *reader) Waiting(string, time.Time) {}
func (r *reader) Gauge(_ string, v float64) { r.mu.Lock(); r.behind = v; r.mu.Unlock() }
func (r *reader) Failed(reason string, _ error) {
	r.mu.Lock()
	r.failures[reason]++
	r.mu.Unlock()
}

func (r *reader) failed(reason string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failures[reason]
}

func TestOnceReadsToTheEnd(t *testing.T) {
	b := start(t, 3, 5)
	b.produce(0, 1000, 5)
	r := b.reader()
	r.once = true
	if err := r.open().Run(t.Context(), nil, r.emit); err != nil {
		t.Fatal(err)
	}
	same(t, r.values(), numbers(0, 1000))
	for p := range int32(5) {
		if got := b.committed(p); got != 200 {
			t.Errorf("partition %d: committed %d, want 200", p, got)
		}
	}
	if r.behind != 0 {
		t.Errorf("behind by %v", r.behind)
	}
}

func TestOnceOfAnEmptyTopic(t *testing.T) {
	r := start(t, 1, 3).reader()
	r.once = true
	if err := r.open().Run(t.Context(), nil, r.emit); err != nil {
		t.Fatal(err)
	}
}

func TestRecord(t *testing.T) {
	b := start(t, 1, 1)
	if err := b.CreateTopic("other", 1, nil); err != nil {
		t.Fatal(err)
	}
	err := b.client.ProduceSync(t.Context(),
		&kgo.Record{Topic: raw, Value: []byte("first")},
		&kgo.Record{Topic: raw, Key: []byte("k"), Value: []byte("second"), Headers: []kgo.RecordHeader{{Key: "ce_id", Value: []byte("42")}}},
		&kgo.Record{Topic: raw, Key: []byte("gone")},
		&kgo.Record{Topic: "other", Value: []byte("{}")},
	).FirstErr()
	if err != nil {
		t.Fatal(err)
	}
	r := b.reader("decoders: {other: ecs}")
	r.run()
	await(t, 4, r)
	byOrigin := make(map[string]event.Record)
	for _, rec := range r.records {
		byOrigin[rec.Origin.String()] = rec
	}
	second := byOrigin["audit.raw/0:1"]
	want := []event.Attribute{{Name: "kafka.key", Value: "k"}, {Name: "kafka.header.ce_id", Value: "42"}}
	if string(second.Raw) != "second" || !slices.Equal(second.Attributes, want) || second.Decoder != "" {
		t.Errorf("got %s with %v by decoder %q", second.Raw, second.Attributes, second.Decoder)
	}
	if got := byOrigin["audit.raw/0:2"].Unreadable; got != "null_value" {
		t.Errorf("a record without value is unreadable as %q", got)
	}
	if got := byOrigin["other/0:0"].Decoder; got != "ecs" {
		t.Errorf("decoder %q, want ecs", got)
	}
}

// A position in the journal outranks the group's: what is stored does not come
// again, although the commit was lost.
func TestLostCommit(t *testing.T) {
	b := start(t, 1, 2)
	b.produce(0, 10, 2)
	r := b.reader()
	lost := b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: kerr.CoordinatorNotAvailable, Count: -1})
	stop := r.run()
	await(t, 10, r)
	stop()
	if got := b.committed(0); got > 0 {
		t.Fatalf("committed %d, although commits fail", got)
	}
	if r.failed("commit") == 0 {
		t.Error("nobody was told of the failed commit")
	}
	lost.Remove()
	b.produce(10, 4, 2)
	r.run()
	await(t, 14, r)
	same(t, r.values(), numbers(0, 14))
}

// What could not be stored is not committed, and comes again.
func TestNotStored(t *testing.T) {
	b := start(t, 1, 1)
	b.produce(0, 10, 1)
	r := b.reader()
	r.refuse = errors.New("the disk is gone")
	if err := r.open().Run(t.Context(), event.Position{"audit.raw/0": []byte("0")}, r.emit); !errors.Is(err, r.refuse) {
		t.Fatalf("run: %v, want the journal's error", err)
	}
	if got := b.committed(0); got > 0 {
		t.Errorf("committed %d records that are not stored", got)
	}
	r.refuse = nil
	r.run()
	await(t, 10, r)
	same(t, r.values(), numbers(0, 10))
}

// A partition goes to another agent, and on from where it was committed.
func TestRebalance(t *testing.T) {
	b := start(t, 2, 4)
	b.produce(0, 400, 4)
	one, two := b.reader(), b.reader()
	stopOne := one.run()
	await(t, 400, one)
	two.run()
	if _, err := b.WaitGroupStable(t.Context(), "shiplog", 2); err != nil {
		t.Fatal(err)
	}
	b.produce(400, 400, 4)
	await(t, 800, one, two)
	if len(two.values()) == 0 {
		t.Error("the second agent has read nothing")
	}
	stopOne()
	b.produce(800, 100, 4)
	await(t, 900, one, two)
	all := append(one.values(), two.values()...)
	slices.Sort(all)
	same(t, slices.Compact(all), numbers(0, 900))
}

// "end" is the same place after a crash, although nothing was read yet.
func TestStartAtTheEnd(t *testing.T) {
	b := start(t, 1, 1)
	b.produce(0, 5, 1)
	r := b.reader("start: end")
	stop := r.run()
	select {
	case <-r.grown: // the place is stored
	case <-t.Context().Done():
	}
	stop()
	b.produce(5, 5, 1)
	r.run()
	await(t, 5, r)
	same(t, r.values(), numbers(5, 5))
}

func TestAbortedTransactionsArePassedOver(t *testing.T) {
	b := start(t, 1, 1)
	txn := b.connect(kgo.TransactionalID("x"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	for i, commit := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort, kgo.TryCommit, kgo.TryAbort} {
		if err := txn.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		for j := range 3 {
			if err := txn.ProduceSync(t.Context(), &kgo.Record{Topic: raw, Value: fmt.Appendf(nil, "%04d", i*10+j)}).FirstErr(); err != nil {
				t.Fatal(err)
			}
			b.produce(100+i*10+j, 1, 1)
		}
		if err := txn.EndTransaction(t.Context(), commit); err != nil {
			t.Fatal(err)
		}
	}
	r := b.reader()
	r.once = true
	if err := r.open().Run(t.Context(), nil, r.emit); err != nil {
		t.Fatal(err)
	}
	want := slices.Concat(numbers(0, 3), numbers(20, 3), numbers(100, 3), numbers(110, 3), numbers(120, 3), numbers(130, 3))
	same(t, r.values(), want)
}

func TestLeaderMoves(t *testing.T) {
	b := start(t, 3, 3)
	b.produce(0, 30, 3)
	r := b.reader()
	r.run()
	await(t, 30, r)
	b.ShufflePartitionLeaders()
	if err := b.MoveTopicPartition(raw, 0, (b.LeaderFor(raw, 0)+1)%3); err != nil {
		t.Fatal(err)
	}
	b.produce(30, 30, 3)
	await(t, 60, r)
	same(t, r.values(), numbers(0, 60))
}

// Records that were deleted before they were read are a failure that is told,
// not one that stops the others.
func TestDeletedBeforeRead(t *testing.T) {
	b := start(t, 1, 1)
	b.produce(0, 10, 1)
	if err := b.DeleteRecords(raw, 0, 4); err != nil {
		t.Fatal(err)
	}
	r := b.reader()
	r.position = event.Position{"audit.raw/0": []byte("2")}
	r.run()
	await(t, 6, r)
	same(t, r.values(), numbers(4, 6))
	if r.failed("offset_out_of_range") != 1 {
		t.Errorf("failures %v", maps.Clone(r.failures))
	}
}

// A topic that was deleted and made anew is read from its beginning.
func TestTopicMadeAnew(t *testing.T) {
	b := start(t, 1, 1)
	r := b.reader()
	r.position = event.Position{"audit.raw/0": []byte("1000")}
	b.produce(0, 10, 1)
	r.run()
	await(t, 10, r)
	same(t, r.values(), numbers(0, 10))
}

// However it ends, no goroutine outlives Run.
func TestNoLeak(t *testing.T) {
	b := start(t, 2, 3)
	b.produce(0, 30, 3)
	before := goleak.IgnoreCurrent()
	r := b.reader()
	stop := r.run()
	await(t, 30, r)
	stop()
	leaktest.Ended(t, before, goleak.IgnoreAnyFunction("github.com/twmb/franz-go/pkg/kfake.(*Cluster).run"),
		goleak.IgnoreAnyFunction("github.com/twmb/franz-go/pkg/kfake.(*clientConn).read"), goleak.IgnoreAnyFunction("github.com/twmb/franz-go/pkg/kfake.(*clientConn).read.func1"),
		goleak.IgnoreAnyFunction("github.com/twmb/franz-go/pkg/kfake.(*clientConn).write"),
		goleak.IgnoreAnyFunction("github.com/twmb/franz-go/pkg/kfake.(*group).manage"))
}

func TestCheck(t *testing.T) {
	b := start(t, 2, 3)
	var lines []string
	check := func() error {
		return b.reader().open().(sources.Checker).Check(t.Context(), func(line string) { lines = append(lines, line) })
	}
	if err := check(); err != nil || !slices.Equal(lines, []string{"2 brokers", "topic audit.raw has 3 partitions"}) {
		t.Errorf("said %q, error %v", lines, err)
	}
	b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.TopicAuthorizationFailed})
	if err := check(); err == nil || !strings.Contains(err.Error(), "grant Read on the topic") {
		t.Errorf("got %v", err)
	}
	if err := b.DeleteTopic(raw); err != nil {
		t.Fatal(err)
	}
	if err := check(); err == nil || !strings.Contains(err.Error(), "create it") {
		t.Errorf("got %v", err)
	}
}
