package prefectcloud

import (
	"testing"
	"time"

	"github.com/shiplog/shiplog/pkg/sources/prefectcloud/cloudtest"
)

// BenchmarkLatency is the time from an event at the service to its delivery by a
// sink, by way of the stream and the journal.
func BenchmarkLatency(b *testing.B) {
	server := cloudtest.Start(b, cloudtest.Options{Account: account, Key: key})
	took := make(chan int, 1024)
	site := newSite(b, server, "mode: stream, poll_interval: 1h, start: now")
	site.took = took
	stop := site.run()
	for server.Streams() == 0 {
		<-time.After(time.Millisecond)
	}
	n := 0
	for b.Loop() {
		server.Add(cloudtest.Events(n, 1, time.Now(), 0)...)
		n++
		<-took
	}
	stop()
}
