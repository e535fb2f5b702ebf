package agent

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/shiplog/shiplog/pkg/config"
)

func TestLoggerWritesDurationsReadably(t *testing.T) {
	for _, format := range []string{"json", "text"} {
		var out bytes.Buffer
		Logger(config.Logging{Format: format}, &out).Info("trying again", "wait", 1500*time.Millisecond)
		if !strings.Contains(out.String(), "1.5s") {
			t.Errorf("%s: got %s, want the wait as 1.5s", format, out.String())
		}
	}
}
