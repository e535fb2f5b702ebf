package cli

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/shiplog/shiplog/pkg/agent"
	"github.com/shiplog/shiplog/pkg/config"
)

func (a *app) testCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "test FILE…",
		Short: "Run cases (event in, what must come of it) against the processors and routes",
		Long: `Runs cases against the processors and the sinks' where and format of the config.
It connects to nothing. A case that does not hold is shown with what differs: -
is what the case expects, + what came of the event. The exit code is then 1.`,
		Example: "  agent test -c configs/tests/shiplog.yaml configs/tests/*.cases.yaml",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError{errors.New("name at least one file of cases")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains([]string{"table", "json", "junit"}, output) {
				return usageError{fmt.Errorf("-o %s: table, json or junit", output)}
			}
			plan, err := a.load()
			if err != nil {
				return err
			}
			var sinks []string
			for _, s := range plan.Pipeline.Sinks {
				sinks = append(sinks, s.Name)
			}
			var files []*agent.CaseFile
			var mistakes []error
			for _, path := range args {
				f, err := agent.LoadCases(path, sinks)
				files, mistakes = append(files, f), append(mistakes, err)
			}
			if err := config.Join(mistakes...); err != nil {
				return err
			}
			results := []agent.CaseResult{}
			if err := agent.RunCases(plan, files, func(r agent.CaseResult) { results = append(results, r) }); err != nil {
				return err
			}
			if err := agent.WriteCases(cmd.OutOrStdout(), output, results); err != nil {
				return err
			}
			if agent.FailedCases(results) > 0 {
				return errSilent
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "table", "table, json or junit")
	return cmd
}
