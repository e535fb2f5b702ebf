package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/shiplog/shiplog/pkg/agent"
	"github.com/shiplog/shiplog/pkg/encode"
	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/filter"
	"github.com/shiplog/shiplog/pkg/journal"
	"github.com/shiplog/shiplog/pkg/search"
)

// eventsFlags are what the events command is asked for.
type eventsFlags struct {
	query               search.Query
	since, until, where string
	output              string
	limit               int
	follow, oldest      bool
	by                  *event.Shipper // whom the events are shown to come from
}

func (a *app) eventsCommand() *cobra.Command {
	var f eventsFlags
	cmd := &cobra.Command{
		Use:   "events [TEXT]",
		Short: "Search the journal; newest last",
		Long: `Searches the journal of this data directory, beside a running agent or without
one. Times are RFC 3339, a date, or a duration back from now. In action, actor,
workspace and resource, * stands for anything; TEXT is looked for anywhere. What
is damaged and cannot be shown is counted on stderr.`,
		Example: `  agent events --since 24h --action 'api-key.*'
  agent events --since 2026-11-17 --until 2026-11-18 --actor alice@example.com -o ecs
  agent events --where 'event.severity >= 4' --follow`,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := cobra.MaximumNArgs(1)(cmd, args); err != nil {
				return usageError{err}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				f.query.Text = args[0]
			}
			if err := f.settle(time.Now()); err != nil {
				return usageError{err}
			}
			plan, err := a.load()
			if err != nil {
				return err
			}
			view, err := journal.OpenReadOnly(plan.File.DataDir)
			if err != nil {
				return err
			}
			if f.by, err = agent.Shipper(plan.File.DataDir, a.build.Version, view.ID()); err != nil {
				return err
			}
			out := bufio.NewWriter(cmd.OutOrStdout())
			if err := f.show(cmd.Context(), view, out, cmd.ErrOrStderr()); err != nil {
				return err
			}
			return out.Flush()
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.since, "since", "", "occurred at or after `time`")
	flags.StringVar(&f.until, "until", "", "occurred before `time`")
	flags.Uint64Var(&f.query.From, "from", 0, "first `sequence`")
	flags.Uint64Var(&f.query.To, "to", 0, "last `sequence`")
	flags.StringVar(&f.query.Action, "action", "", "event name, with or without prefect-cloud.")
	flags.StringVar(&f.query.Actor, "actor", "", "e-mail, name, handle or id of who did it")
	flags.StringVar(&f.query.Workspace, "workspace", "", "id or name")
	flags.StringVar(&f.query.Resource, "resource", "", "id or name of what it was done to")
	flags.StringVar(&f.query.Outcome, "outcome", "", "success, failure or unknown")
	flags.StringVar(&f.query.Source, "source", "", "name of a source in the config")
	flags.StringVar(&f.where, "where", "", "`expression` as in a sink's where")
	flags.IntVar(&f.limit, "limit", 100, "at most that many; 0: all")
	flags.BoolVar(&f.oldest, "oldest", false, "with a limit, the oldest that match instead of the newest")
	flags.BoolVarP(&f.follow, "follow", "f", false, "go on with new events as they come")
	flags.StringVarP(&f.output, "output", "o", "table", "table, json (one object a line), or a format: "+strings.Join(encode.Names(), ", "))
	return cmd
}

// settle checks the flags and makes a query of them.
func (f *eventsFlags) settle(now time.Time) (err error) {
	if f.query.Since, err = search.ParseTime(f.since, now); err != nil {
		return fmt.Errorf("--since: %w", err)
	}
	if f.query.Until, err = search.ParseTime(f.until, now); err != nil {
		return fmt.Errorf("--until: %w", err)
	}
	if f.where != "" {
		if f.query.Where, err = filter.Compile(f.where); err != nil {
			return fmt.Errorf("--where: %w", err)
		}
	}
	if f.limit < 0 {
		return errors.New("--limit is below zero; 0 shows all")
	}
	if err := f.query.Check(); err != nil {
		return err
	}
	_, err = f.printer()
	return err
}

// show prints what is found to out; what a reader of it must know, and a program
// must not stumble over, goes to aside.
func (f *eventsFlags) show(ctx context.Context, v *journal.View, out *bufio.Writer, aside io.Writer) error {
	p, err := f.printer()
	if err != nil {
		return err
	}
	shown, lost := 0, uint64(0)
	print := func(e *event.Event) error {
		shown++
		return p(out, e)
	}
	f.query.Lost = func(first, next uint64) { lost += next - first }
	last, err := v.Last()
	if err != nil {
		return err
	}
	if err := f.past(ctx, v, print); err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if lost > 0 {
		fmt.Fprintf(aside, "%d events of this range cannot be read and are not shown: 'agent verify' says where\n", lost)
	}
	if shown == 0 && f.output == "table" && !f.follow {
		fmt.Fprintln(aside, "no event matches")
	}
	if !f.follow {
		return nil
	}
	return search.Follow(ctx, v, f.query, last, func(e *event.Event) error {
		if err := print(e); err != nil {
			return err
		}
		return out.Flush()
	})
}

// past shows what is there already.
func (f *eventsFlags) past(ctx context.Context, v *journal.View, print func(*event.Event) error) error {
	if f.limit <= 0 {
		return search.Each(ctx, v, f.query, print)
	}
	find := search.Last
	if f.oldest {
		find = search.First
	}
	found, err := find(ctx, v, f.query, f.limit)
	if err != nil {
		return err
	}
	for i := range found {
		if err := print(&found[i]); err != nil {
			return err
		}
	}
	return nil
}

// printer returns what writes an event for people, or in a format.
func (f *eventsFlags) printer() (func(io.Writer, *event.Event) error, error) {
	output := f.output
	switch output {
	case "table":
		return printRow, nil
	case "json":
		output = "ecs"
	}
	enc, err := encode.New(output)
	if err != nil {
		return nil, fmt.Errorf("-o %s: table, json, or a format: %w", output, err)
	}
	var buf []byte
	return func(w io.Writer, e *event.Event) error {
		if buf, err = enc.Append(buf[:0], e, event.Delivery{By: f.by}); err != nil {
			return fmt.Errorf("event %d: %w", e.Sequence, err)
		}
		_, err := w.Write(append(buf, '\n'))
		return err
	}, nil
}

// printRow writes an event in columns that need no look ahead, so that following
// and piping work line by line.
func printRow(w io.Writer, e *event.Event) error {
	_, err := fmt.Fprintf(w, "%-8d %s %-8s %-8s %-44s %-28s %s\n", e.Sequence,
		e.Occurred.Format("2006-01-02T15:04:05.000Z07:00"), e.Severity, orDash(e.Outcome.String()),
		printable(e.Action), orDash(printable(e.Actor)), orDash(printable(e.Resource)))
	return err
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// printable keeps what an event holds from steering the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '�'
		}
		return r
	}, s)
}
