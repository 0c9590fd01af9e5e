package auth

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What the scanner accepts, encoding/json must accept and read the same way:
// being stricter is allowed, being different is not.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{
		`{}`, ` {"a":1} `, `{"a":"b","c":[1,2.5e-3,true,false,null,{"d":{}}]}`, `{"a":1,"a":2}`, `{"a":{"b":1,"b":2}}`,
		`{"\u0061":"\ud83d\ude00\n\/"}`, `{"a":"\ud800"}`, `{"a":01}`, `{"a":-}`, `{"a":1.}`, `{"a":"` + "\x01" + `"}`, `{"a":[1,]}`, `{,}`, `{"a" 1}`,
		`{"a":tru}`, `{"a":[[[[[[[[[]]]]]]]]]}`, `{"a":"` + "\xff" + `"}`, `[]`, `"x"`, `{"a":1}{}`, "\ufeff{}", `{"a":1e999}`, `{"a":"\u12"}`, `{"a":"\`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var sc scanner
		members, err := sc.object(text, nil)
		if err != nil {
			return
		}
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		var want map[string]json.RawMessage
		require.NoError(t, d.Decode(&want))
		require.Len(t, members, len(want))
		for _, m := range members {
			raw := text[m.start:m.end]
			require.Equal(t, string(want[m.name]), raw)
			switch m.kind {
			case '"':
				var s string
				require.NoError(t, json.Unmarshal([]byte(raw), &s))
				require.Equal(t, s, stringValue(raw, m.escaped))
				require.Equal(t, s, stringValue(raw, true))
			case '[':
				var all []json.RawMessage
				require.NoError(t, json.Unmarshal([]byte(raw), &all))
				got := elements(raw)
				require.Len(t, got, len(all))
				var texts []string
				isStrings := true
				for i, e := range got {
					require.Equal(t, string(all[i]), e)
					isStrings = isStrings && e[0] == '"'
				}
				list, ok := stringList(raw)
				require.Equal(t, isStrings, ok)
				if ok {
					require.NoError(t, json.Unmarshal([]byte(raw), &texts))
					require.Equal(t, texts, list)
				}
			case '{':
				var nested map[string]json.RawMessage
				require.NoError(t, json.Unmarshal([]byte(raw), &nested))
				inner := scanner{lenient: true}
				got, err := inner.object(raw, nil)
				require.NoError(t, err)
				require.Len(t, got, len(nested))
			}
		}
	})
}

func TestJSONRefuses(t *testing.T) {
	t.Parallel()
	many := func(n int, last string) string {
		var b strings.Builder
		b.WriteString(`{"x0":0`)
		for i := range n {
			b.WriteString(`,"x` + strings.Repeat("y", i%7) + string(rune('a'+i%26)) + strings.Repeat("z", i) + `":0`)
		}
		return b.String() + last + `}`
	}
	for name, c := range map[string]struct {
		text string
		want error
	}{
		"empty":                         {``, errSyntax},
		"not an object":                 {`[]`, errSyntax},
		"unclosed":                      {`{"a":1`, errSyntax},
		"no value":                      {`{"a":}`, errSyntax},
		"unquoted name":                 {`{a:1}`, errSyntax},
		"single quotes":                 {`{'a':1}`, errSyntax},
		"control character in a string": {"{\"a\":\"\t\"}", errSyntax},
		"unknown escape":                {`{"a":"\x"}`, errSyntax},
		"plus sign":                     {`{"a":+1}`, errSyntax},
		"hexadecimal":                   {`{"a":0x1}`, errSyntax},
		"NaN":                           {`{"a":NaN}`, errSyntax},
		"duplicate":                     {`{"a":1,"a":1}`, errDuplicate},
		"duplicate by escape":           {`{"a":1,"\u0061":1}`, errDuplicate},
		"duplicate below":               {`{"a":[{"b":1,"b":1}]}`, errDuplicate},
		"duplicate among many":          {many(300, `,"x0":1`), errDuplicate},
		"duplicate after a nest":        {`{"a":{"b":1},"c":{"b":1},"a":1}`, errDuplicate},
		"depth":                         {strings.Repeat(`{"a":`, 9) + "1" + strings.Repeat("}", 9), errDepth},
		"depth of lists":                {`{"a":[[[[[[[[1]]]]]]]]}`, errDepth},
		"data behind":                   {`{} x`, errTrailing},
		"low surrogate first":           {`{"a":"\udc00\ud800"}`, errUTF8},
		"surrogate, then text":          {`{"a":"\ud800x"}`, errUTF8},
		"overlong":                      {"{\"a\":\"\xc0\x80\"}", errUTF8},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var sc scanner
			_, err := sc.object(c.text, nil)
			require.ErrorIs(t, err, c.want)
		})
	}
	var sc scanner
	_, err := sc.object(many(300, ""), nil)
	require.NoError(t, err)
	_, err = sc.object(`{"a":{"b":1},"c":{"b":1}}`, nil) // the same name in two objects is no duplicate
	require.NoError(t, err)
}
