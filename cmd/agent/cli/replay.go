package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/shiplog/shiplog/pkg/agent"
	"github.com/shiplog/shiplog/pkg/filter"
	"github.com/shiplog/shiplog/pkg/pipeline"
	"github.com/shiplog/shiplog/pkg/search"
)

// replayFlags are what the replay command is asked for.
type replayFlags struct {
	request      pipeline.ReplayRequest
	since, until string
	resume       string
}

func (a *app) replayCommand() *cobra.Command {
	var f replayFlags
	cmd := &cobra.Command{
		Use:   "replay --sink SINK (--since TIME | --from SEQUENCE)",
		Short: "Ship a range of the journal to one sink again",
		Long: `Ships a range of the journal to one sink again, beside its live cursor; live
events go first. Each event is marked as replayed (shiplog.replayed), and keeps
its id, so that destinations that know ids do not double it.

Where an agent runs, it does the work (admin.write must be true); else this
command does. A replay that is interrupted goes on where it was: the command
says how.`,
		Example: `  agent replay --sink elastic --since 2026-11-17 --until 2026-11-18
  agent replay --sink splunk --since 24h --where 'event.severity >= 3' --dry-run`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.settle(time.Now()); err != nil {
				return usageError{err}
			}
			return a.replay(cmd, f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.request.Sink, "sink", "", "name of a `sink` in the config")
	flags.StringVar(&f.since, "since", "", "occurred at or after `time`: RFC 3339, a date, or a duration back")
	flags.StringVar(&f.until, "until", "", "occurred before `time`")
	flags.Uint64Var(&f.request.FromSeq, "from", 0, "first `sequence`")
	flags.Uint64Var(&f.request.ToSeq, "to", 0, "last `sequence`")
	flags.StringVar(&f.request.Where, "where", "", "`expression`, beside the sink's own where")
	flags.IntVar(&f.request.Rate, "rate", 0, "at most that many events a second (0: as the sink takes them)")
	flags.BoolVar(&f.request.DryRun, "dry-run", false, "count, and deliver nothing")
	flags.StringVar(&f.resume, "resume", "", "go on with an interrupted replay, by its `id`")
	return cmd
}

// settle checks the flags.
func (f *replayFlags) settle(now time.Time) (err error) {
	r := &f.request
	if r.Since, err = search.ParseTime(f.since, now); err != nil {
		return fmt.Errorf("--since: %w", err)
	}
	if r.Until, err = search.ParseTime(f.until, now); err != nil {
		return fmt.Errorf("--until: %w", err)
	}
	if r.Where != "" {
		if _, err := filter.Compile(r.Where); err != nil {
			return fmt.Errorf("--where: %w", err)
		}
	}
	begins := !r.Since.IsZero() || r.FromSeq > 0
	switch {
	case f.resume != "" && (r.Sink != "" || begins || r.DryRun):
		return errors.New("--resume takes the range and the sink from the replay that was interrupted")
	case f.resume != "":
		return nil
	case r.Sink == "":
		return errors.New("--sink is missing: which sink is it for?")
	case !begins:
		return errors.New("--since or --from is missing: where does it begin? (--from 1 is everything that is kept)")
	case r.Rate < 0:
		return errors.New("--rate is below zero")
	case !r.Until.IsZero() && !r.Until.After(r.Since), r.ToSeq > 0 && r.ToSeq < r.FromSeq:
		return errors.New("the range ends before it begins")
	}
	return nil
}

func (a *app) replay(cmd *cobra.Command, f replayFlags) (err error) {
	o, err := a.operate(cmd)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	if f.resume != "" {
		rate := f.request.Rate
		if f.request, err = o.Interrupted(cmd.Context(), f.resume); err != nil {
			return err
		}
		if rate > 0 {
			f.request.Rate = rate
		}
	}
	p, err := o.Replay(cmd.Context(), f.request, replayProgress(cmd.ErrOrStderr()))
	if errors.Is(err, context.Canceled) && cmd.Context().Err() != nil && !f.request.DryRun {
		fmt.Fprintf(cmd.ErrOrStderr(), "interrupted; to go on: agent replay --resume %s\n", f.request.ID())
		return errSilent
	}
	if err != nil && p.ID != "" && !f.request.DryRun {
		return fmt.Errorf("%w\nto go on from there: agent replay --resume %s", err, f.request.ID())
	}
	if err != nil {
		return err
	}
	sayReplayed(cmd.OutOrStdout(), f.request, p)
	return nil
}

// operate opens what does the work of a command that changes something.
func (a *app) operate(cmd *cobra.Command) (*agent.Operator, error) {
	plan, err := a.load()
	if err != nil {
		return nil, err
	}
	logging := plan.File.Logging
	logging.Level = "warn" // the command itself says what it does
	return agent.Operate(cmd.Context(), plan, agent.Options{
		Version: a.build.Version, Commit: a.build.Commit, Kinds: a.kinds,
		Log: agent.Logger(logging, cmd.ErrOrStderr()),
	})
}

func sayReplayed(out io.Writer, r pipeline.ReplayRequest, p pipeline.ReplayProgress) {
	if r.DryRun {
		fmt.Fprintf(out, "%d events would be replayed to %s\n", p.Matched, r.Sink)
		return
	}
	fmt.Fprintf(out, "%d events replayed to %s: %d accepted, %d it had already, %d refused", p.Matched, r.Sink, p.Delivered, p.Duplicate, p.Letters)
	if p.Letters > 0 {
		fmt.Fprintf(out, " (see: agent deadletters list %s)", r.Sink)
	}
	fmt.Fprintln(out)
}

// replayProgress shows how far a replay has got; nil where nobody looks.
func replayProgress(out io.Writer) func(pipeline.ReplayProgress) {
	line := overwrite(out)
	if line == nil {
		return nil
	}
	return func(p pipeline.ReplayProgress) {
		if p.Last == 0 {
			return // it has not begun yet
		}
		text := fmt.Sprintf("sequence %d of %d, %d replayed", min(p.Next, p.Last), p.Last, p.Matched)
		if p.Letters > 0 {
			text += fmt.Sprintf(", %d refused", p.Letters)
		}
		if p.Left > 0 {
			text += fmt.Sprintf(", %s left", p.Left.Round(time.Second))
		}
		line(text, p.Done)
	}
}
