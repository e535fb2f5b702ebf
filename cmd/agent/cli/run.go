package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/shiplog/shiplog/pkg/agent"
)

func (a *app) runCommand() *cobra.Command {
	var once bool
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run until SIGTERM or SIGINT; SIGHUP or a changed config file reloads",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case timeout < 0:
				return usageError{fmt.Errorf("--timeout %s is negative", timeout)}
			case timeout > 0 && !once:
				return usageError{errors.New("--timeout is of --once alone")}
			}
			var reload <-chan struct{}
			if !once { // before all that takes time: until then SIGHUP ends the process
				var stop func()
				reload, stop = hangups(cmd.Context())
				defer stop()
			}
			plan, err := a.load()
			if err != nil {
				return err
			}
			for _, w := range plan.File.Warnings() {
				fmt.Fprintln(cmd.ErrOrStderr(), "warning:", w)
			}
			level := new(slog.LevelVar)
			options := agent.Options{
				Version: a.build.Version,
				Commit:  a.build.Commit,
				Kinds:   a.kinds,
				Log:     agent.LeveledLogger(plan.File.Logging, level, cmd.ErrOrStderr()),
				Level:   level,
			}
			if once {
				return agent.RunOnce(cmd.Context(), plan, options, timeout, runProgress(cmd.ErrOrStderr()))
			}
			options.Reload = reload
			return agent.Run(cmd.Context(), plan, options)
		},
	}
	cmd.Flags().BoolVar(&once, "once", false, "read what is there now, deliver all, and exit")
	cmd.Flags().DurationVar(&timeout, "timeout", 0, "with --once: fail if not all is delivered by then (0: never)")
	return cmd
}

// hangups turns SIGHUP into asks for a reload.
func hangups(ctx context.Context) (<-chan struct{}, func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	asks := make(chan struct{}, 1)
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-signals:
				select {
				case asks <- struct{}{}:
				default: // one is waiting already, and will read the newest file
				}
			}
		}
	}()
	return asks, func() { signal.Stop(signals); cancel() }
}
