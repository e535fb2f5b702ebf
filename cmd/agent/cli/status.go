package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/shiplog/shiplog/pkg/admin"
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
			if healthz {
				return a.healthz(cmd.Context())
			}
			plan, err := a.load()
			if err != nil {
				return a.statusDespite(cmd, output, err)
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

func (a *app) healthz(ctx context.Context) error {
	file, err := a.find()
	if err != nil {
		return err
	}
	_, err = agent.Ask(ctx, file.Admin, "/healthz")
	return err
}

// statusDespite shows the agent that runs although the config on disk is not good
// (any more): it goes on with the one before. If none runs, what is wrong is the
// answer.
func (a *app) statusDespite(cmd *cobra.Command, output string, wrong error) error {
	file, err := a.find()
	if err != nil {
		return wrong
	}
	s, err := agent.Live(cmd.Context(), file.Admin)
	if err != nil {
		return wrong
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%v\nthe agent that runs goes on with the config before:\n", wrong)
	return printStatus(cmd.OutOrStdout(), output, s)
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
	return printStatus(out, output, s)
}

func printStatus(out io.Writer, output string, s admin.Status) error {
	if output == "json" {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		return enc.Encode(s)
	}
	return statusTable(out, s)
}

// statusTable says first what is wrong, the worst before the rest, and then how
// everything is.
func statusTable(out io.Writer, s admin.Status) error {
	fmt.Fprintf(out, "%s\n", headline(s))
	for _, t := range admin.Troubles(s) {
		mark := " - "
		if t.Level >= admin.Bad {
			mark = " ! "
		}
		fmt.Fprintf(out, "%s%s %s\n", mark, t.Part, printable(t.Text))
	}
	for _, r := range s.Replays {
		at := "nothing is shipped yet"
		if r.Last > 0 {
			at = fmt.Sprintf("at sequence %d of %d", min(r.Next, r.Last), r.Last)
		}
		fmt.Fprintf(out, " - replay %s to %s %s: %s\n", r.ID, r.Request.Sink, r.State, at)
	}
	fmt.Fprintln(out)

	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "SOURCE\tTYPE\tSTATE\tEVENTS\tRATE\tCOMPLETE UP TO\tDEAD LETTERS\tWAITS FOR")
	for _, src := range s.Sources {
		complete := "-"
		if !src.Complete.IsZero() {
			complete = admin.Ago(time.Duration(src.Lag * float64(time.Second)))
		}
		state := src.State
		if state == "running" && src.Connected != nil && !*src.Connected {
			state = "not connected"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", src.Name, src.Type, state, admin.Count(src.Events),
			admin.Rate(src.Rate), complete, s.Letters[src.Name], waitText(src.Waiting, s.Time))
	}
	fmt.Fprintln(w, "\t\t\t\t\t\t\t")
	fmt.Fprintln(w, "SINK\tTYPE\tSTATE\tBACKLOG\tRATE\tLAG\tDEAD LETTERS\tWAITS FOR")
	for _, sink := range s.Sinks {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", sink.Name, sink.Type, sink.State, admin.Count(sink.Backlog),
			admin.Rate(sink.Rate), admin.Seconds(sink.Lag), s.Letters[sink.Name], waitText(sink.Waiting, s.Time))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	j := s.Journal
	fmt.Fprintf(out, "\nids      agent %s, journal %s", orDash(s.Agent), orDash(j.ID))
	fmt.Fprintf(out, "\njournal  events %d to %d, %s in %d segments, head %.16s\n", j.First, j.Last, bytesText(j.Bytes), j.Segments, j.Head)
	return nil
}

// headline says in one line how it is.
func headline(s admin.Status) string {
	if !s.Running {
		return "not running: as the data directory has it"
	}
	bad := 0
	for _, t := range admin.Troubles(s) {
		if t.Level >= admin.Bad {
			bad++
		}
	}
	how := "all is well"
	switch bad {
	case 0:
	case 1:
		how = "1 part does not work"
	default:
		how = fmt.Sprintf("%d parts do not work", bad)
	}
	return "running, version " + s.Version + ": " + how
}

// waitText says what a part waits for, since when, and when it tries next.
func waitText(w *pipeline.Wait, now time.Time) string {
	if w == nil {
		return ""
	}
	text := printable(w.For)
	if !w.Since.IsZero() {
		text += ", for " + admin.Span(now.Sub(w.Since))
	}
	if left := w.Next.Sub(now); !w.Next.IsZero() && left > 0 {
		text += ", tries in " + admin.Span(max(left, time.Second))
	}
	return strings.ReplaceAll(text, "\n", " ")
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
