package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/shiplog/shiplog/pkg/admin"
	"github.com/shiplog/shiplog/pkg/agent"
	"github.com/shiplog/shiplog/pkg/deadletter"
)

func (a *app) deadlettersCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "deadletters",
		Short: "What was refused and why; retry after a fix, or drop",
		Long: `Dead letters are events that a sink refused for good, and records that could
not be read. Nothing else happens to them until somebody retries or drops them.

list and show read the data directory. retry and drop are done by the agent that
runs (admin.write must be true), else by the command itself; either is recorded
in the journal.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.lettersListCommand(), a.lettersShowCommand(), a.lettersRetryCommand(), a.lettersDropCommand())
	return cmd
}

// letters opens the store of the config's data directory for reading.
func (a *app) letters() (*deadletter.Store, *agent.Plan, error) {
	plan, err := a.load()
	if err != nil {
		return nil, nil, err
	}
	dir := filepath.Join(plan.File.DataDir, "deadletters")
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("no agent has run in %s yet", plan.File.DataDir)
	}
	store, err := deadletter.Open(dir)
	return store, plan, err
}

// mayOwn finds an owner that there is not. One that has left the config may
// still have letters.
func mayOwn(store *deadletter.Store, plan *agent.Plan, owner string) error {
	names, err := store.Owners()
	if err != nil {
		return err
	}
	for _, s := range plan.Pipeline.Sources {
		names = append(names, s.Name)
	}
	for _, s := range plan.Pipeline.Sinks {
		names = append(names, s.Name)
	}
	if slices.Contains(names, owner) {
		return nil
	}
	slices.Sort(names)
	return fmt.Errorf("there is no sink or source %q; there are %s", owner, strings.Join(slices.Compact(names), ", "))
}

func (a *app) lettersListCommand() *cobra.Command {
	var output, reason string
	cmd := &cobra.Command{
		Use:   "list [OWNER]",
		Short: "Count by sink or source and reason; with OWNER, each one",
		Args:  atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if output != "table" && output != "json" {
				return usageError{fmt.Errorf("-o %s: table or json", output)}
			}
			store, plan, err := a.letters()
			if err != nil {
				return err
			}
			if len(args) == 1 {
				if err := mayOwn(store, plan, args[0]); err != nil {
					return err
				}
				return listLetters(cmd.OutOrStdout(), store, args[0], reason, output)
			}
			piles, err := admin.Piles(store)
			if err != nil {
				return err
			}
			if output == "json" {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(piles)
			}
			return pileTable(cmd.OutOrStdout(), piles, time.Now())
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	cmd.Flags().StringVar(&reason, "reason", "", "with OWNER: only those with this `reason`")
	return cmd
}

func pileTable(out io.Writer, piles []admin.Pile, now time.Time) error {
	if len(piles) == 0 {
		fmt.Fprintln(out, "no dead letters")
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "OWNER\tKIND\tCOUNT\tREASON\tOLDEST\tNEWEST\tEXAMPLE")
	for _, p := range piles {
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\t%s\n", p.Owner, p.Kind, p.Count, printable(p.Reason),
			admin.Ago(now.Sub(p.Oldest)), admin.Ago(now.Sub(p.Newest)), shortened(p.Example, 100))
	}
	return w.Flush()
}

// listLetters writes the letters of one owner, oldest first, as they are read.
func listLetters(out io.Writer, store *deadletter.Store, owner, reason, output string) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	enc := json.NewEncoder(out)
	listed := 0
	err := store.List(owner, func(l deadletter.Letter) error {
		switch {
		case reason != "" && l.Reason != reason:
			return nil
		case output == "json":
			return enc.Encode(l)
		}
		if listed++; listed == 1 {
			fmt.Fprintln(w, "ID\tTIME\tREASON\tSEQUENCE\tERROR")
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\n", printable(l.ID), l.Time.Format(time.RFC3339), printable(l.Reason), l.Sequence, shortened(l.Error, 100))
		return nil
	})
	if err == nil && listed == 0 && output == "table" {
		fmt.Fprintln(w, "no dead letters")
	}
	return errors.Join(err, w.Flush())
}

func (a *app) lettersShowCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "show OWNER ID",
		Short: "Show one whole",
		Args:  exactly(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if output != "text" && output != "json" && output != "body" {
				return usageError{fmt.Errorf("-o %s: text, json or body", output)}
			}
			store, _, err := a.letters()
			if err != nil {
				return err
			}
			l, err := store.Get(args[0], args[1])
			if err != nil {
				return err
			}
			return showLetter(cmd.OutOrStdout(), l, output)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text, json, or body (its bytes and nothing else)")
	return cmd
}

func showLetter(out io.Writer, l deadletter.Letter, output string) error {
	switch output {
	case "json":
		return json.NewEncoder(out).Encode(l)
	case "body":
		_, err := out.Write(l.Body)
		return err
	}
	line := func(name, text string) {
		if text != "" {
			fmt.Fprintf(out, "%-9s %s\n", name, printable(text))
		}
	}
	line("owner", l.Kind+" "+l.Owner)
	line("id", l.ID)
	line("time", l.Time.Format(time.RFC3339Nano))
	line("reason", l.Reason)
	line("error", l.Error)
	line("event", l.EventID)
	line("origin", l.Origin)
	if l.Sequence > 0 {
		line("sequence", fmt.Sprint(l.Sequence))
	}
	if l.Truncated {
		line("note", "only the beginning of the record was kept")
	}
	_, err := fmt.Fprintf(out, "\n%s\n", printable(string(l.Body)))
	return err
}

// selectFlags says which letters a command means.
func selectFlags(cmd *cobra.Command, s *admin.Selection) {
	cmd.Flags().StringVar(&s.Reason, "reason", "", "all with this `reason`")
	cmd.Flags().BoolVar(&s.All, "all", false, "all of the owner's")
}

// settled completes a selection from the arguments.
func (a *app) settled(s admin.Selection, args []string) (admin.Selection, error) {
	if len(args) > 0 {
		s.Owner, s.IDs = args[0], args[1:]
	}
	if _, err := s.Choose(); err != nil {
		return s, usageError{err}
	}
	store, plan, err := a.letters()
	if err != nil {
		return s, err
	}
	return s, mayOwn(store, plan, s.Owner)
}

func (a *app) lettersRetryCommand() *cobra.Command {
	var s admin.Selection
	cmd := &cobra.Command{
		Use:   "retry OWNER (ID… | --reason REASON | --all)",
		Short: "Try some again; what is accepted is no dead letter any more",
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			chosen, err := a.settled(s, args)
			if err != nil {
				return err
			}
			o, err := a.operate(cmd)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, o.Close()) }()
			done, err := o.RetryLetters(cmd.Context(), chosen)
			if err == nil || done != (admin.Retried{}) {
				fmt.Fprintf(cmd.OutOrStdout(), "%d accepted, %d refused again\n", done.Delivered, done.Refused)
			}
			if done.LastError != "" {
				fmt.Fprintf(cmd.ErrOrStderr(), "the last refusal: %s\n", printable(done.LastError))
			}
			if err == nil && done.Refused > 0 {
				return errSilent
			}
			return err
		},
	}
	selectFlags(cmd, &s)
	return cmd
}

func (a *app) lettersDropCommand() *cobra.Command {
	var ask admin.DropAsk
	cmd := &cobra.Command{
		Use:   "drop OWNER (ID… | --reason REASON | --all) --because WHY",
		Short: "Give some up for good; why goes into the journal",
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if ask.Selection, err = a.settled(ask.Selection, args); err != nil {
				return err
			}
			if strings.TrimSpace(ask.Because) == "" {
				return usageError{errors.New("--because is missing: why are they given up?")}
			}
			o, err := a.operate(cmd)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, o.Close()) }()
			n, err := o.DropLetters(cmd.Context(), ask)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d dropped\n", n)
			return nil
		},
	}
	selectFlags(cmd, &ask.Selection)
	cmd.Flags().StringVar(&ask.Because, "because", "", "`why`; it is recorded in the journal")
	return cmd
}

// shortened makes one line of a text, of at most n characters.
func shortened(text string, n int) string {
	text = strings.Join(strings.Fields(printable(text)), " ")
	if r := []rune(text); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return text
}

// atMost and exactly are cobra's checks as usage errors.
func atMost(n int) cobra.PositionalArgs { return asUsage(cobra.MaximumNArgs(n)) }

func exactly(n int) cobra.PositionalArgs { return asUsage(cobra.ExactArgs(n)) }

func asUsage(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError{err}
		}
		return nil
	}
}
