package cli

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/shiplog/shiplog/pkg/journal"
)

func (a *app) verifyCommand() *cobra.Command {
	var kept []string
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check the journal: checksums, sequences, hash chain; print its head",
		Long: `Reads the whole journal and checks every checksum, that sequences go on without
holes, and every link of the hash chain. Prints an anchor, the sequence and hash
of its head: keep it where nobody who can write to the journal can, and give it
to a later run, which then says whether the journal still grows from it.

Works beside a running agent. Exit code 1 names the first bad frame.`,
		Example: "  agent verify\n  agent verify --anchor 92:5c9b628637c9…",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			anchors, err := parseAnchors(kept)
			if err != nil {
				return usageError{err}
			}
			plan, err := a.load()
			if err != nil {
				return err
			}
			r, err := journal.Verify(cmd.Context(), plan.File.DataDir, verifyProgress(cmd.ErrOrStderr()), anchors...)
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			fmt.Fprintf(out, "journal   %s\n", orDash(r.ID))
			fmt.Fprintf(out, "events    %d to %d: %d in %d frames, %d segments, %s\n",
				r.First, r.Last, r.Events, r.Frames, r.Segments, bytesText(r.Bytes))
			fmt.Fprintf(out, "head      %x\n", r.Head)
			fmt.Fprintf(out, "anchor    %d:%x\n", r.Last, r.Head)
			for _, anchor := range r.Retired {
				fmt.Fprintf(out, "note      anchor %d: its frame is older than what is kept; it says nothing any more\n", anchor.Sequence)
			}
			for _, anchor := range r.Unmet {
				fmt.Fprintf(out, "unmet     anchor %d: the journal does not grow from it: it was altered, cut off or replaced\n", anchor.Sequence)
			}
			if r.FirstBad == nil && len(r.Unmet) > 0 {
				fmt.Fprintf(out, "verdict   NOT SOUND: consistent with itself, and not with %d of the anchors\n", len(r.Unmet))
				return errSilent
			}
			if r.FirstBad == nil {
				fmt.Fprintln(out, "verdict   sound")
				return nil
			}
			fmt.Fprintf(out, "first bad %v\n", r.FirstBad)
			fmt.Fprintf(out, "verdict   NOT SOUND: %d things are wrong, %d events cannot be read\n", r.Bad, r.Lost)
			return errSilent
		},
	}
	cmd.Flags().StringArrayVar(&kept, "anchor", nil, "`anchor` of an earlier run that the journal must grow from; may be given again")
	return cmd
}

// parseAnchors reads anchors as verify prints them: SEQUENCE:HASH.
func parseAnchors(texts []string) ([]journal.Anchor, error) {
	var all []journal.Anchor
	for _, text := range texts {
		sequence, head, _ := strings.Cut(strings.TrimSpace(text), ":")
		n, err := strconv.ParseUint(sequence, 10, 64)
		b, hexErr := hex.DecodeString(head)
		if err != nil || hexErr != nil || len(b) != 32 {
			return nil, fmt.Errorf("--anchor %q is not SEQUENCE:HASH, as agent verify prints it", text)
		}
		all = append(all, journal.Anchor{Sequence: n, Head: [32]byte(b)})
	}
	return all, nil
}
