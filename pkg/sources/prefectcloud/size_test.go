package prefectcloud

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/sources"
	"github.com/shiplog/shiplog/pkg/sources/prefectcloud/cloudtest"
	"github.com/shiplog/shiplog/pkg/sources/sourcetest"
)

// Answers above the bound make pages smaller, and the memory that they take
// stays within it.
func TestLargeAnswersMakeSmallPages(t *testing.T) {
	server := cloudtest.Start(t, cloudtest.Options{Account: accountA, Key: "key"})
	server.Add(cloudtest.Events(0, 500, time.Now().Add(-time.Hour), time.Second)...)
	c := defaults()
	c.APIURL, c.AccountID, c.APIKey = server.Base, accountA, config.NewSecret("key")
	c.RequestsPerMinute, c.Mode, c.Sweeps = 600_000, "poll", nil
	opened, err := open(c, sources.Deps{Once: true, Log: slog.New(slog.DiscardHandler), Monitor: new(sourcetest.Monitor)})
	if err != nil {
		t.Fatal(err)
	}
	src, ok := opened.(*source)
	if !ok {
		t.Fatal("another source")
	}
	src.client.most = 10 << 10 // some twenty events
	store := sourcetest.NewStore()
	if err := src.Run(t.Context(), nil, store.Emit); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, line := range store.Lines() {
		got = append(got, newItem([]byte(line)).id)
	}
	slices.Sort(got)
	if want := server.IDs(); !slices.Equal(slices.Compact(got), want) {
		t.Errorf("got %d events, want %d", len(got), len(want))
	}
}

// What cannot be had any more is said, and what can be is read.
func TestBackfillBeyondRetention(t *testing.T) {
	server := cloudtest.Start(t, cloudtest.Options{Account: accountA, Key: "key", RetentionDays: 7})
	server.Add(cloudtest.Events(0, 100, time.Now().Add(-6*24*time.Hour), time.Minute)...)
	c := defaults()
	c.APIURL, c.AccountID, c.APIKey = server.Base, accountA, config.NewSecret("key")
	c.RequestsPerMinute, c.Mode, c.Sweeps = 600_000, "poll", nil
	monitor := new(sourcetest.Monitor)
	src, err := open(c, sources.Deps{Once: true, Log: slog.New(slog.DiscardHandler), Monitor: monitor})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC()
	old := now.Add(-30 * 24 * time.Hour)
	store := sourcetest.NewStore()
	feed := "account/" + accountA
	position := event.Position{
		feed:             mark{To: now, From: old}.encode(),
		feed + "/past/1": mark{To: old, From: old, End: now}.encode(),
	}
	if err := src.Run(context.WithoutCancel(t.Context()), position, store.Emit); err != nil {
		t.Fatal(err)
	}
	if got := len(store.Records()); got != 100 || !slices.Contains(monitor.Failures(), "retention") {
		t.Errorf("got %d events, want 100; failures %v", got, monitor.Failures())
	}
}
