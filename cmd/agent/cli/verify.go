package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/shiplog/shiplog/pkg/journal"
)

func (a *app) verifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "verify",
		Short: "Check the journal: checksums, sequences, hash chain; print its head",
		Long: `Reads the whole journal and checks every checksum, that sequences go on without
holes, and every link of the hash chain. Prints the head: keep it elsewhere, and
a later run shows whether the journal still grows from it.

Works beside a running agent. Exit code 1 names the first bad frame.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			plan, err := a.load()
			if err != nil {
				return err
			}
			r, err := journal.Verify(cmd.Context(), plan.File.DataDir, verifyProgress(cmd.ErrOrStderr()))
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			fmt.Fprintf(out, "events    %d to %d: %d in %d frames, %d segments, %s\n",
				r.First, r.Last, r.Events, r.Frames, r.Segments, bytesText(r.Bytes))
			fmt.Fprintf(out, "head      %x\n", r.Head)
			if r.FirstBad == nil {
				fmt.Fprintln(out, "verdict   sound")
				return nil
			}
			fmt.Fprintf(out, "first bad %v\n", r.FirstBad)
			fmt.Fprintf(out, "verdict   NOT SOUND: %d things are wrong, %d events cannot be read\n", r.Bad, r.Lost)
			return errSilent
		},
	}
}
