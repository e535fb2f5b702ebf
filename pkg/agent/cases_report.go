package agent

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// WriteCases writes the results of cases: table for people, with what differs as
// - expected and + got; json; or junit, which CI systems read. An error names the
// formats.
func WriteCases(w io.Writer, format string, results []CaseResult) error {
	switch format {
	case "table":
		return writeCaseTable(w, results)
	case "json":
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(results)
	case "junit":
		return writeCaseJUnit(w, results)
	}
	return fmt.Errorf("unknown format %q: table, json or junit", format)
}

// FailedCases counts the cases that do not hold.
func FailedCases(results []CaseResult) (failed int) {
	for i := range results {
		if len(results[i].Diffs) > 0 {
			failed++
		}
	}
	return failed
}

func writeCaseTable(w io.Writer, results []CaseResult) error {
	var b strings.Builder
	file := ""
	for i := range results {
		r := &results[i]
		if r.File != file {
			file = r.File
			fmt.Fprintf(&b, "%s\n", file)
		}
		if len(r.Diffs) == 0 {
			fmt.Fprintf(&b, "  ok    %s\n", r.Name)
			continue
		}
		fmt.Fprintf(&b, "  FAIL  %s (line %d)\n", r.Name, r.Line)
		b.WriteString(indented(r.Diffs, "        "))
	}
	failed := FailedCases(results)
	fmt.Fprintf(&b, "%d cases, %d ok, %d failed\n", len(results), len(results)-failed, failed)
	_, err := io.WriteString(w, b.String())
	return err
}

func indented(diffs []Difference, indent string) string {
	var b strings.Builder
	for _, d := range diffs {
		fmt.Fprintf(&b, "%s%s\n%s  - %s\n%s  + %s\n", indent, d.What, indent, d.Want, indent, d.Got)
	}
	return b.String()
}

func writeCaseJUnit(w io.Writer, results []CaseResult) error {
	type failure struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
	type testcase struct {
		Name    string   `xml:"name,attr"`
		Class   string   `xml:"classname,attr"`
		File    string   `xml:"file,attr"`
		Line    int      `xml:"line,attr"`
		Time    string   `xml:"time,attr"`
		Failure *failure `xml:"failure"`
	}
	type suite struct {
		XMLName  xml.Name   `xml:"testsuite"`
		Name     string     `xml:"name,attr"`
		Tests    int        `xml:"tests,attr"`
		Failures int        `xml:"failures,attr"`
		Cases    []testcase `xml:"testcase"`
	}
	s := suite{Name: "agent test", Tests: len(results), Failures: FailedCases(results)}
	for i := range results {
		r := &results[i]
		c := testcase{Name: r.Name, Class: r.File, File: r.File, Line: r.Line, Time: fmt.Sprintf("%.6f", r.Took.Seconds())}
		if len(r.Diffs) > 0 {
			c.Failure = &failure{Message: fmt.Sprintf("%d differences: - expected, + got", len(r.Diffs)), Text: "\n" + indented(r.Diffs, "")}
		}
		s.Cases = append(s.Cases, c)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(s); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}
