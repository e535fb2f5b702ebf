package config

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"

	"gopkg.in/yaml.v3"
)

// Fingerprint tells whether two sections mean the same: a hash over what the
// section resolves to, the contents of ${file:…} included, whatever its
// comments, order of writing or quotes. A section that is not there has the
// fingerprint "".
func (s Section) Fingerprint() string {
	if isNull(s.Node) {
		return ""
	}
	f := fingerprinter{h: sha256.New()}
	f.node(s.Node, 0)
	return hex.EncodeToString(f.h.Sum(nil))
}

type fingerprinter struct {
	h     hash.Hash
	nodes int
}

func (f *fingerprinter) node(n *yaml.Node, depth int) {
	n = resolveAlias(n)
	if f.nodes++; f.nodes > maxNodes || depth > maxDepth {
		return // the decoder refuses such a section anyway
	}
	switch n.Kind {
	case yaml.ScalarNode:
		text, err := expand(n.Value)
		if err != nil {
			text = err.Error()
		}
		f.text(n.ShortTag(), text)
	case yaml.SequenceNode:
		f.text("list", "")
		for _, c := range n.Content {
			f.node(c, depth+1)
		}
		f.text("end", "")
	default:
		f.text("fields", "")
		for _, p := range sortedPairs(n) {
			f.text("key", p.key.Value)
			f.node(p.value, depth+1)
		}
		f.text("end", "")
	}
}

// text adds two texts with their lengths, so that no other two give the same.
func (f *fingerprinter) text(kind, text string) {
	b := binary.AppendUvarint(nil, uint64(len(kind)))
	b = append(b, kind...)
	b = binary.AppendUvarint(b, uint64(len(text)))
	_, _ = f.h.Write(append(b, text...))
}
