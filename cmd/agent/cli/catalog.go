package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/shiplog/shiplog/pkg/catalog"
)

func (a *app) catalogCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "catalog",
		Short: "List the audit event types, with their ECS and OCSF classes",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			write := map[string]func(io.Writer) error{
				"table":    catalog.Default().WriteTable,
				"json":     catalog.Default().WriteJSON,
				"markdown": catalog.Default().WriteMarkdown,
			}[output]
			if write == nil {
				return usageError{fmt.Errorf("-o %s: table, json or markdown", output)}
			}
			return write(cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "table", "table, json or markdown")
	return cmd
}
