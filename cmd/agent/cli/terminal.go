package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/shiplog/shiplog/pkg/journal"
	"github.com/shiplog/shiplog/pkg/pipeline"
)

// overwrite returns what writes one line over and over; nil where out is no
// terminal: a log file wants no progress.
func overwrite(out io.Writer) func(line string, last bool) {
	f, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) { // #nosec G115 -- a file descriptor
		return nil
	}
	return func(line string, last bool) {
		end := ""
		if last {
			end = "\n"
		}
		fmt.Fprintf(f, "\r\x1b[K%s%s", line, end)
	}
}

// runProgress shows how far a run that is to end has got.
func runProgress(out io.Writer) func(pipeline.Progress) {
	line := overwrite(out)
	if line == nil {
		return nil
	}
	return func(p pipeline.Progress) {
		var text strings.Builder
		fmt.Fprintf(&text, "%d read, %d delivered, %d to go, %.0f events/s", p.Read, p.Settled, p.Backlog, p.Rate)
		if p.Left > 0 {
			fmt.Fprintf(&text, ", %s left", p.Left.Round(time.Second))
		}
		if len(p.Down) > 0 {
			fmt.Fprintf(&text, "; down: %s", strings.Join(p.Down, ", "))
		}
		line(text.String(), p.Ended)
	}
}

func verifyProgress(out io.Writer) func(journal.Progress) {
	line := overwrite(out)
	if line == nil {
		return nil
	}
	return func(p journal.Progress) {
		percent := 100.0
		if p.Total > 0 {
			percent = 100 * float64(p.Bytes) / float64(p.Total)
		}
		line(fmt.Sprintf("%.0f %% of %s, %d events", percent, bytesText(p.Total), p.Events), p.Bytes >= p.Total)
	}
}
