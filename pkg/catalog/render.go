package catalog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// WriteTable writes the catalog as a table for a terminal.
func (c *Catalog) WriteTable(w io.Writer) error {
	var b strings.Builder
	b.WriteString("EVENT\tECS CATEGORY\tECS TYPE\tOUTCOME\tOCSF\tSEVERITY\n")
	for _, e := range c.entries {
		fmt.Fprintf(&b, "%s\t%s\t%s\t%s\t%d/%d %s\t%s\n", e.Event,
			dash(strings.Join(e.ECS.Category, ",")), dash(strings.Join(e.ECS.Type, ",")), dash(e.Outcome.String()),
			e.OCSF.Class, e.OCSF.Activity, e.OCSF.ActivityName, e.Severity)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if _, err := io.WriteString(t, b.String()); err != nil {
		return err
	}
	return t.Flush()
}

// WriteMarkdown writes the catalog as a Markdown table.
func (c *Catalog) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	b.WriteString("| Event | Meaning | ECS category / type | Outcome | OCSF class / activity | CIM | Severity | CEF |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|\n")
	for _, e := range c.entries {
		fmt.Fprintf(&b, "| `%s` | %s | %s / %s | %s | %d / %d %s | %s | %s | %d |\n", e.Event, e.Meaning,
			dash(strings.Join(e.ECS.Category, ", ")), dash(strings.Join(e.ECS.Type, ", ")), dash(e.Outcome.String()),
			e.OCSF.Class, e.OCSF.Activity, e.OCSF.ActivityName, dash(e.CIM.short()), e.Severity, e.CEFSeverity())
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteJSON writes the catalog as a JSON array, one entry a line.
func (c *Catalog) WriteJSON(w io.Writer) error {
	var b bytes.Buffer
	for _, e := range c.entries {
		entry, err := json.Marshal(e.row())
		if err != nil {
			return err
		}
		b.WriteString(",\n")
		b.Write(entry)
	}
	b.WriteString("\n]\n")
	text := b.Bytes()
	text[0] = '[' // for the first comma
	_, err := w.Write(text)
	return err
}

type row struct {
	Event    string   `json:"event"`
	Name     string   `json:"name"`
	Meaning  string   `json:"meaning"`
	Severity string   `json:"severity"`
	CEF      int      `json:"cef_severity"`
	Outcome  string   `json:"outcome,omitempty"`
	Category []string `json:"ecs_category"`
	Type     []string `json:"ecs_type"`
	OCSF     rowOCSF  `json:"ocsf"`
	CIM      *rowCIM  `json:"cim,omitempty"`
}

type rowOCSF struct {
	Class        int    `json:"class_uid"`
	Activity     int    `json:"activity_id"`
	ActivityName string `json:"activity_name"`
	TypeUID      int    `json:"type_uid"`
}

type rowCIM struct {
	Model          string `json:"model"`
	Dataset        string `json:"dataset,omitempty"`
	Action         string `json:"action,omitempty"`
	ObjectCategory string `json:"object_category,omitempty"`
	ChangeType     string `json:"change_type,omitempty"`
}

func (e *Entry) row() row {
	r := row{
		Event: e.Event, Name: e.Name, Meaning: e.Meaning, Severity: e.Severity.String(), CEF: e.CEFSeverity(),
		Outcome: e.Outcome.String(), Category: e.ECS.Category, Type: e.ECS.Type,
		OCSF: rowOCSF{e.OCSF.Class, e.OCSF.Activity, e.OCSF.ActivityName, e.OCSF.TypeUID()},
	}
	if e.CIM.Model != "" {
		cim := rowCIM(e.CIM)
		r.CIM = &cim
	}
	return r
}

// short gives the data model and the action: Change / All_Changes: created.
func (m CIM) short() string {
	s := m.Model
	if m.Dataset != "" {
		s += " / " + m.Dataset
	}
	if m.Action != "" {
		s += ": " + m.Action
	}
	return s
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
