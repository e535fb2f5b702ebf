package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/metrics"
)

func (a *app) schemaCommand() *cobra.Command {
	var reference, instruments bool
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the config, for editors",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := cmd.OutOrStdout()
			switch {
			case reference:
				_, err := fmt.Fprint(out, config.Reference(a.kinds.Describe()))
				return err
			case instruments:
				_, err := fmt.Fprint(out, metrics.Reference(a.kinds.Instruments()...))
				return err
			}
			text, err := config.Schema(a.kinds.Describe())
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(out, "%s\n", text)
			return err
		},
	}
	cmd.Flags().BoolVar(&reference, "reference", false, "print the config reference in Markdown instead")
	cmd.Flags().BoolVar(&instruments, "metrics", false, "print the reference of the metrics in Markdown instead")
	cmd.MarkFlagsMutuallyExclusive("reference", "metrics")
	return cmd
}
