package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/shiplog/shiplog/pkg/agent"
	"github.com/shiplog/shiplog/pkg/encode"
	"github.com/shiplog/shiplog/pkg/normalize"
)

func (a *app) convertCommand() *cobra.Command {
	var from, to string
	decoders := strings.Join(normalize.Decoders(), ", ")
	cmd := &cobra.Command{
		Use:   "convert",
		Short: "Convert JSON lines on stdin to another format on stdout",
		Long: `Converts one event per line from stdin to stdout, in constant memory. What
cannot be converted is told on stderr with its line number, and the exit code is
then 1.`,
		Example: "  agent convert --from prefect --to ocsf < events.jsonl",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := encode.New(to); err != nil {
				return usageError{fmt.Errorf("--to: %w", err)}
			}
			if !slices.Contains(normalize.Decoders(), from) {
				return usageError{fmt.Errorf("--from %s: %s", from, decoders)}
			}
			failed, err := agent.Convert(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr(), from, to)
			if err != nil {
				return err
			}
			if failed > 0 {
				return errSilent
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&from, "from", "prefect", decoders)
	cmd.Flags().StringVar(&to, "to", "ecs", strings.Join(encode.Names(), ", "))
	return cmd
}
