package sinktest_test

import (
	"encoding/json"
	"testing"

	"github.com/shiplog/shiplog/pkg/sinks/sinktest"
)

func TestBulkyIsAsLargeAsItSays(t *testing.T) {
	b := sinktest.Bulky(100)
	if each := b.Bytes() / 100; each < 2200 || each > 2700 {
		t.Errorf("%d bytes an event", each)
	}
	for i := range b.Items {
		if !json.Valid(b.Items[i].Body) {
			t.Fatalf("not JSON: %s", b.Items[i].Body)
		}
	}
}
