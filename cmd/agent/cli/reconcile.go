package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/shiplog/shiplog/pkg/agent"
	"github.com/shiplog/shiplog/pkg/search"
)

func (a *app) reconcileCommand() *cobra.Command {
	var source, since, until, output string
	var repair, byID, gone bool
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "reconcile",
		Short: "Ask a source's service what it has, hour by hour, and compare with the journal",
		Long: `Asks the source's service what it has for each hour and compares with the journal:

  complete  every event that the service has is in the journal
  late      how many of them reached the service more than five minutes after they occurred
  missing   how many the journal lacks, and their ids (-o json)
  unknown   the hour could not be compared, and why

With --repair, what is missing is put into the journal, through the agent that
runs, else directly. It keeps to the source's request budget.

Times are RFC 3339, a date, or a duration back, such as 24h. Works beside a running agent.
Exit code 0 when every hour is complete (by now), else 1.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			now := time.Now().UTC()
			o := agent.ReconcileOptions{Source: source, ByID: byID, Repair: repair, Gone: gone, Wait: wait}
			var err error
			if o.Since, err = search.ParseTime(since, now); err != nil {
				return usageError{fmt.Errorf("--since: %w", err)}
			}
			if o.Until, err = search.ParseTime(until, now); err != nil {
				return usageError{fmt.Errorf("--until: %w", err)}
			}
			if !o.Since.Before(o.Until) {
				return usageError{fmt.Errorf("--since %s is not before --until %s", since, until)}
			}
			if output != "table" && output != "json" {
				return usageError{fmt.Errorf("-o %s: table or json", output)}
			}
			plan, err := a.load()
			if err != nil {
				return err
			}
			if o.Source == "" {
				if len(plan.Pipeline.Sources) != 1 {
					return usageError{errors.New("--source is missing: which of the sources in the config?")}
				}
				o.Source = plan.Pipeline.Sources[0].Name
			}
			o.Options = agent.Options{Version: a.build.Version, Commit: a.build.Commit, Kinds: a.kinds, Log: slog.New(slog.DiscardHandler)}
			o.Progress = reconcileProgress(cmd.ErrOrStderr())
			result, err := agent.Reconcile(cmd.Context(), plan, o)
			if errors.Is(err, agent.ErrRange) {
				return usageError{err}
			}
			if result != nil {
				showReconciliation(cmd.OutOrStdout(), output, result)
			}
			if err == nil && !result.Whole() {
				return errSilent
			}
			return err
		},
	}
	cmd.Flags().StringVar(&source, "source", "", "name of the `source` in the config; may be left out where there is only one")
	cmd.Flags().StringVar(&since, "since", "24h", "begin at this `time`")
	cmd.Flags().StringVar(&until, "until", "10m", "end at this `time`; what is newer may still be on its way")
	cmd.Flags().BoolVar(&repair, "repair", false, "fetch what is missing")
	cmd.Flags().BoolVar(&byID, "ids", false, "compare ids even for hours whose counts are equal")
	cmd.Flags().BoolVar(&gone, "gone", false, "take what the journal has let go of since (retain, drop_oldest) for missing, too; a repair ships it again")
	cmd.Flags().DurationVar(&wait, "wait", 2*time.Minute, "how long the running agent may take for a repair")
	cmd.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	return cmd
}

func reconcileProgress(out io.Writer) func(done, total int) {
	line := overwrite(out)
	if line == nil {
		return nil
	}
	return func(done, total int) {
		line(fmt.Sprintf("%d of %d hours compared", done, total), done == total)
	}
}

func showReconciliation(out io.Writer, output string, r *agent.Reconciliation) {
	if output == "json" {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		_ = enc.Encode(r)
		return
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "HOUR\tSTATE\tSERVICE\tJOURNAL\tLATE\tDROPPED\tMISSING\tREPAIRED\tNOTE")
	for _, h := range r.Hours {
		service := fmt.Sprint(h.Service)
		if h.Service < 0 {
			service = "?"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%s\n", h.Start.Format("2006-01-02T15Z"), h.State, service,
			h.Journal, h.Late, h.Dropped, len(h.Missing), h.Repaired, noteOf(h))
	}
	_ = w.Flush()
	fmt.Fprintf(out, "%s: %d hours, %d events missing, %d of them repaired, %d hours unknown\n",
		r.Source, len(r.Hours), r.Missing, r.Repaired, r.Unknown)
}

// noteOf gives the reason, or the first of the missing ids.
func noteOf(h agent.Hour) string {
	if h.Why != "" {
		return strings.ReplaceAll(h.Why, "\n", "; ")
	}
	const most = 3
	if len(h.Missing) <= most {
		return strings.Join(h.Missing, " ")
	}
	return strings.Join(h.Missing[:most], " ") + " …"
}
