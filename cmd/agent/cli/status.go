package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/shiplog/shiplog/pkg/agent"
	"github.com/shiplog/shiplog/pkg/pipeline"
)

func (a *app) statusCommand() *cobra.Command {
	var output string
	var watch, healthz bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Sources, journal and sinks: position, lag, backlog, last error",
		Long: `Sources, journal and sinks: position, lag, backlog, last error.

Asks the running agent; where none answers, reads the data directory.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output != "table" && output != "json" {
				return usageError{fmt.Errorf("-o %s: table or json", output)}
			}
			plan, err := a.load()
			if err != nil {
				return err
			}
			if healthz {
				_, err := agent.Ask(cmd.Context(), plan.File.Admin, "/healthz")
				return err
			}
			if watch {
				return watchStatus(cmd.Context(), plan, output, cmd.OutOrStdout())
			}
			return showStatus(cmd.Context(), plan, output, cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "show it again every second")
	cmd.Flags().BoolVar(&healthz, "healthz", false, "say nothing; exit 0 if the running agent is healthy (for container health checks)")
	return cmd
}

func watchStatus(ctx context.Context, plan *agent.Plan, output string, out io.Writer) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		if output == "table" {
			fmt.Fprint(out, "\x1b[H\x1b[2J") // home, clear
		}
		if err := showStatus(ctx, plan, output, out); err != nil {
			fmt.Fprintln(out, err) // it may come back: that is what watching is for
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func showStatus(ctx context.Context, plan *agent.Plan, output string, out io.Writer) error {
	s, err := agent.Status(ctx, plan)
	if err != nil {
		return err
	}
	if output == "json" {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		return enc.Encode(s)
	}
	return statusTable(out, s.Status)
}

func statusTable(out io.Writer, s pipeline.Status) error {
	running := "not running: as the data directory has it"
	if s.Running {
		running = "running, version " + s.Version
	}
	fmt.Fprintf(out, "agent    %s\n", running)
	fmt.Fprintf(out, "journal  events %d to %d, %s in %d segments%s\n\n",
		s.Journal.First, s.Journal.Last, bytesText(s.Journal.Bytes), s.Journal.Segments, journalTrouble(s.Journal))

	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "SOURCE\tTYPE\tSTATE\tEVENTS\tRATE\tLAG\tDEAD\tNOTE")
	for _, src := range s.Sources {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%.0f/s\t%s\t%d\t%s\n", src.Name, src.Type, src.State,
			src.Events, src.Rate, ageText(src.Lag), s.Letters[src.Name], note(src.Waiting, src.LastError, s.Time))
	}
	fmt.Fprintln(w, "\t\t\t\t\t\t\t")
	fmt.Fprintln(w, "SINK\tTYPE\tSTATE\tBACKLOG\tRATE\tLAG\tDEAD\tNOTE")
	for _, sink := range s.Sinks {
		var failure *pipeline.Failure
		if !sink.Up {
			failure = sink.LastError // of a sink that works again, it is history
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%.0f/s\t%s\t%d\t%s\n", sink.Name, sink.Type, sink.State,
			sink.Backlog, sink.Rate, ageText(sink.Lag), s.Letters[sink.Name], note(sink.Waiting, failure, s.Time))
	}
	return w.Flush()
}

func journalTrouble(j pipeline.JournalStatus) string {
	switch {
	case j.Failure != "":
		return "; FAILED: " + j.Failure
	case j.Full:
		return "; FULL since " + j.FullSince.Local().Format(time.TimeOnly)
	default:
		return ""
	}
}

// note says what a part waits for, when it tries next, and why.
func note(w *pipeline.Wait, f *pipeline.Failure, now time.Time) string {
	var parts []string
	if w != nil {
		text := "waits: " + w.For
		if !w.Since.IsZero() {
			text += ", for " + now.Sub(w.Since).Round(time.Second).String()
		}
		if left := w.Next.Sub(now); !w.Next.IsZero() && left > 0 {
			text += ", next try in " + cmp.Or(left.Round(time.Second), time.Second).String()
		}
		parts = append(parts, text)
	}
	if f != nil {
		parts = append(parts, f.Error)
	}
	return strings.ReplaceAll(strings.Join(parts, "; "), "\n", " ")
}

func ageText(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	if d >= time.Minute {
		return d.Round(time.Second).String()
	}
	return d.Round(time.Millisecond * 10).String()
}

func bytesText(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	v := float64(n)
	i := 0
	for ; v >= 1024 && i < len(units)-1; i++ {
		v /= 1024
	}
	return fmt.Sprintf("%.4g %s", v, units[i])
}
