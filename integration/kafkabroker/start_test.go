//go:build integration

package kafkabroker

import (
	"testing"

	"github.com/shiplog/shiplog/integration/harness"
)

func TestStart(t *testing.T) {
	k := harness.StartKafka(t, 1)
	t.Log(k.Plain())
}
