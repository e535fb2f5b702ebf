// Package cli is the command line: one small file a command. It reads flags,
// calls what does the work, prints, and chooses the exit code. A custom build
// is a main that calls Main with its own kinds beside agent.Builtin's.
package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/shiplog/shiplog/pkg/agent"
	"github.com/shiplog/shiplog/pkg/config"
)

// The exit codes of every command.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2 // of usage, or of the config
)

// usageError is a mistake in how the command was called.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

// errSilent fails a command that has already said why.
var errSilent = errors.New("failed")

// app is what the commands share.
type app struct {
	build      Build
	kinds      agent.Kinds
	configFile string
}

// Main runs the command line of this process and returns its exit code.
func Main(build Build, kinds agent.Kinds) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	a := &app{build: build.fill(), kinds: kinds}
	cmd, err := a.root().ExecuteContextC(ctx)
	return report(cmd, err)
}

// report prints an error as a user wants to read it, and gives the exit code.
func report(cmd *cobra.Command, err error) int {
	var usage usageError
	var mistakes config.Errors
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errSilent):
		return exitFailed
	case errors.As(err, &mistakes):
		fmt.Fprintln(cmd.ErrOrStderr(), err)
		return exitUsage
	case errors.As(err, &usage):
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: %v\nsee '%s --help'\n", cmd.Root().Name(), err, cmd.CommandPath())
		return exitUsage
	default:
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: %v\n", cmd.Root().Name(), err)
		return exitFailed
	}
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "agent",
		Short:         "Ships audit events to SIEMs; nothing missing, nothing altered",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Help()
		},
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.PersistentFlags().StringVarP(&a.configFile, "config", "c", "",
		"config `file` (default /etc/shiplog/shiplog.yaml, then shiplog.yaml)")
	root.AddCommand(
		a.runCommand(),
		a.checkCommand(),
		a.statusCommand(),
		a.eventsCommand(),
		a.replayCommand(),
		a.deadlettersCommand(),
		a.verifyCommand(),
		a.reconcileCommand(),
		a.testCommand(),
		a.convertCommand(),
		a.catalogCommand(),
		a.schemaCommand(),
		a.versionCommand(),
		a.manCommand(),
	)
	return root
}

// noArgs is cobra.NoArgs as a usage error.
func noArgs(cmd *cobra.Command, args []string) error {
	if err := cobra.NoArgs(cmd, args); err != nil {
		return usageError{err}
	}
	return nil
}

// configPath is the config file to read: the one that was asked for, else the
// first default that exists.
func (a *app) configPath() (string, error) {
	if a.configFile != "" {
		return a.configFile, nil
	}
	defaults := []string{"/etc/shiplog/shiplog.yaml", "shiplog.yaml"}
	for _, name := range defaults {
		if _, err := os.Stat(name); err == nil {
			return name, nil
		}
	}
	return "", usageError{fmt.Errorf("no config: give one with --config, or put it at %s", defaults[0])}
}

// find reads the config of an agent that may run, for who only needs to know
// where it is. A config that is not good is none: the agent has refused it and
// goes on with the one before. It must be YAML, though.
func (a *app) find() (*config.File, error) {
	name, err := a.configPath()
	if err != nil {
		return nil, err
	}
	file, err := config.Load(name)
	if file == nil {
		return nil, err
	}
	return file, nil
}

// load reads and checks the whole config.
func (a *app) load() (*agent.Plan, error) {
	name, err := a.configPath()
	if err != nil {
		return nil, err
	}
	plan, err := agent.Load(name, a.kinds)
	var mistakes config.Errors
	if err != nil && !errors.As(err, &mistakes) {
		return nil, usageError{err} // no such file, or none that can be read
	}
	return plan, err
}
