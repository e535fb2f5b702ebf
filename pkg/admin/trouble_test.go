package admin

import (
	"strings"
	"testing"
	"time"

	"github.com/shiplog/shiplog/pkg/pipeline"
)

func TestTroublesWorstFirst(t *testing.T) {
	now := time.Date(2026, 11, 25, 3, 0, 0, 0, time.UTC)
	no := false
	s := Status{Status: pipeline.Status{
		Time: now, Running: true,
		Sources: []pipeline.SourceStatus{
			{Name: "cloud", State: "running", Connected: &no, LastError: &pipeline.Failure{Error: "401"}},
			{Name: "empty", State: "running", Connected: &no, Waiting: &pipeline.Wait{For: "files that match"}},
			{Name: "fine", State: "running", Reconciled: &pipeline.Reconciled{Missing: 2, Repaired: 2}},
			{Name: "holes", State: "running", Reconciled: &pipeline.Reconciled{Missing: 3, Repaired: 1, Ended: now.Add(-time.Hour)}},
		},
		Sinks: []pipeline.SinkStatus{
			{Name: "elastic", State: "retrying", Since: now.Add(-5 * time.Minute), Backlog: 12345,
				LastError: &pipeline.Failure{Error: "connection\nrefused"}, Waiting: &pipeline.Wait{Next: now.Add(12 * time.Second)}},
			{Name: "slow", State: "delivering", Up: true, Lag: 7200, Backlog: 1},
			{Name: "fine", State: "idle", Up: true},
		},
		Journal: pipeline.JournalStatus{Full: true, FullSince: now.Add(-time.Hour)},
		Letters: map[string]int{"b": 2, "a": 1, "none": 0},
	}, Reload: Reload{Time: now.Add(-time.Minute), Error: "line 3"}}
	want := []string{
		"journal is full since 02:00:00 (1 h): sources wait until sinks have taken some of it",
		"sink elastic takes no events since 02:55:00 (5 min): connection refused. Tries again in 12 s. 12,345 events wait in the journal",
		"source cloud is not connected: 401",
		"source holes has 2 events that the journal lacks, said agent reconcile 1 h ago: --repair fetches them",
		"config was refused 02:59:00 (1 min), the one before goes on: line 3",
		"dead letters wait for a decision, retry or drop: 1 of a, 2 of b",
		"sink slow is 2 h behind and catching up. 1 event waits in the journal",
		"source empty has nothing to read yet: waits for files that match",
	}
	var got []string
	for _, trouble := range Troubles(s) {
		got = append(got, trouble.Part+" "+trouble.Text)
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestWhatAComparisonSaid(t *testing.T) {
	now := time.Date(2026, 11, 25, 3, 0, 0, 0, time.UTC)
	base := pipeline.Reconciled{Ended: now.Add(-time.Minute), Since: now.Add(-25 * time.Hour), Until: now.Add(-time.Hour), Hours: 24, Complete: 24}
	whole, holes := base, base
	whole.Late = 1
	holes.Complete, holes.Unknown, holes.Missing, holes.Repaired = 21, 1, 5, 2
	for want, r := range map[string]pipeline.Reconciled{
		"1 min ago, from 2026-11-24 02:00 to 2026-11-25 02:00: complete, 1 event was late":                                                                        whole,
		"1 min ago, from 2026-11-24 02:00 to 2026-11-25 02:00: 21 of 24 hours complete, 1 hour unknown, 3 events MISSING, 2 events were missing and are repaired": holes,
	} {
		if got := reconciledText(r, now); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestWords(t *testing.T) {
	for got, want := range map[string]string{
		Count(0): "0", Count(999): "999", Count(1000): "1,000", Count(1234567): "1,234,567",
		Size(512): "512 B", Size(1536): "1.5 KiB", Size(10 << 30): "10.0 GiB",
		Rate(0): "0/s", Rate(0.25): "0.2/s", Rate(1234.4): "1,234/s",
		Span(500 * time.Millisecond): "0 s", Span(59 * time.Second): "59 s", Span(61 * time.Second): "1 min 1 s",
		Span(time.Hour): "1 h", Span(49 * time.Hour): "2 d 1 h", Span(-time.Second): "0 s",
		Ago(0): "just now", Ago(125 * time.Second): "2 min ago",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
