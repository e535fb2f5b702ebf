package kafkasink

import (
	"testing"

	"github.com/shiplog/shiplog/pkg/sinks/sinktest"
)

var lacks = map[sinktest.Ability]string{
	sinktest.Wait:       "Kafka throttles by answering late",
	sinktest.TooLarge:   "the sink splits by itself, see TestTooLargeIsSplit",
	sinktest.Duplicates: "a topic takes everything",
}

func TestContract(t *testing.T) {
	sinktest.Run(t, sinktest.Suite{
		New: func(t *testing.T) sinktest.Destination {
			return start(t, 1, 1, "compression: none")
		},
		Lacks: lacks,
	})
}

func TestContractExactlyOnce(t *testing.T) {
	sinktest.Run(t, sinktest.Suite{
		New: func(t *testing.T) sinktest.Destination {
			return start(t, 1, 1, "compression: none", "exactly_once: true")
		},
		Lacks: lacks,
	})
}
