package e2e

import (
	"bufio"
	"context"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// patience is how long something that must happen may take.
const patience = 5 * time.Minute

// freeAddress returns a loopback address on which nobody listens, and nobody
// will until the agent does: its port is none of those that systems give to
// whoever asks for any, nor of those that the tests of the command take.
func freeAddress(t testing.TB) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(26000+rand.IntN(6000))))
		if err == nil {
			_ = l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("no port is free")
	return ""
}

// metric reads one series, such as `shiplog_sink_lag_seconds{sink="dead"}`; ok is
// false where the agent does not answer or has none.
func metric(ctx context.Context, addr, series string) (value float64, ok bool) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/metrics", http.NoBody)
	if err != nil {
		return 0, false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, false
	}
	defer func() { _ = res.Body.Close() }()
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if text, found := strings.CutPrefix(lines.Text(), series+" "); found {
			value, err = strconv.ParseFloat(text, 64)
			return value, err == nil
		}
	}
	return 0, false
}

// untilMetric waits until a series is at least that large.
func (a *agent) untilMetric(t testing.TB, addr, series string, least float64) float64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		value, ok := metric(ctx, addr, series)
		if ok && value >= least {
			return value
		}
		select {
		case <-tick.C:
		case <-a.ended:
			t.Fatalf("the agent ended by itself:\n%s", a.stderr.String())
		case <-ctx.Done():
			t.Fatalf("%s is %v (%v), want at least %v", series, value, ok, least)
		}
	}
}

// await waits until a receiver has n events.
func (a *agent) await(t testing.TB, r *receiver, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	select {
	case <-r.reached(n):
	case <-a.ended:
		t.Fatalf("the agent ended by itself:\n%s", a.stderr.String())
	case <-ctx.Done():
		got, _ := r.counts()
		t.Fatalf("%d events arrived, want %d", got, n)
	}
}
