package cli

import (
	"fmt"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"github.com/shiplog/shiplog/pkg/agent"
)

func (a *app) checkCommand() *cobra.Command {
	var connect bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Validate the config; with --connect also reach every source and sink",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			plan, err := a.load()
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			for _, w := range plan.File.Warnings() {
				fmt.Fprintln(cmd.ErrOrStderr(), "warning:", w)
			}
			fmt.Fprintf(out, "%s: valid: %d sources, %d sinks\n",
				plan.File.Path, len(plan.Pipeline.Sources), len(plan.Pipeline.Sinks))
			if !connect {
				return nil
			}
			wrong := false
			options := agent.Options{Version: a.build.Version, Log: slog.New(slog.DiscardHandler)}
			agent.Connect(cmd.Context(), plan, options, func(f agent.Finding) {
				verdict := "ok"
				if f.Err != nil {
					verdict, wrong = "NOT OK", true
				}
				fmt.Fprintf(out, "%s: %s\n", f.Part, verdict)
				for _, line := range f.Lines {
					fmt.Fprintf(out, "  %s\n", line)
				}
				if f.Err != nil {
					fmt.Fprintf(out, "  ! %s\n", strings.ReplaceAll(f.Err.Error(), "\n", "\n  ! "))
				}
			})
			if wrong {
				return errSilent
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&connect, "connect", false, "reach every source and sink, and say what is wrong in each")
	return cmd
}
