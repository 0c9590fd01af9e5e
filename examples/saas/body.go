package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// A checker judges a body's fields once they are read.
type checker interface {
	check() []fieldFault
}

// readBody reads a request's body, one JSON object, into a struct of strings
// with json tags. It takes nothing that two readers could understand
// differently: unknown and repeated names, names in another case, null, text
// that is not UTF-8 and anything after the object are refused. All faults of
// fields come in one answer. The errors are problems: 400, 408, 413, 415, 422.
func readBody[T checker](r *http.Request) (T, error) {
	var into T
	raw, err := readJSON(r)
	if err != nil {
		return into, err
	}
	members, err := objectMembers(raw)
	if err != nil {
		return into, err
	}
	var faults []fieldFault
	fields := reflect.ValueOf(&into).Elem()
	for _, m := range members {
		if detail := setField(fields, m); detail != "" {
			faults = append(faults, fieldFault{clip(m.name), detail})
		}
	}
	for _, f := range into.check() {
		if !slices.ContainsFunc(faults, func(o fieldFault) bool { return o.Field == f.Field }) {
			faults = append(faults, f)
		}
	}
	if len(faults) > 0 {
		return into, invalid(faults...)
	}
	return into, nil
}

// readJSON returns the whole body of a request that says it is JSON.
func readJSON(r *http.Request) ([]byte, error) {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset := params["charset"]
	if err != nil || len(r.Header["Content-Type"]) > 1 || kind != "application/json" || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return nil, plain(http.StatusUnsupportedMediaType, "The body must be application/json in UTF-8.")
	}
	if len(r.Header["Content-Encoding"]) > 0 {
		return nil, plain(http.StatusUnsupportedMediaType, "The body must not be compressed.")
	}
	raw, err := io.ReadAll(r.Body)
	if e, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, plain(http.StatusRequestEntityTooLarge, fmt.Sprintf("The body is larger than %d bytes.", e.Limit))
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return nil, plain(http.StatusRequestTimeout, "The body took too long to arrive.")
	}
	switch {
	case err != nil:
		return nil, malformed("The body broke off.")
	case len(bytes.TrimSpace(raw)) == 0:
		return nil, malformed("The body is empty.")
	case !utf8.Valid(raw):
		return nil, malformed("The body is not UTF-8.")
	}
	return raw, nil
}

// maxMembers is more than any body here needs, and bounds the work and the answer
// that a body of nothing but wrong fields can cause.
const maxMembers = 32

// A jsonMember is one name of an object with the text of its value.
type jsonMember struct {
	name  string
	value json.RawMessage
}

// objectMembers splits the text of one JSON object.
func objectMembers(raw []byte) ([]jsonMember, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	start, err := d.Token()
	if err != nil {
		return nil, syntaxProblem(d, err)
	}
	if start != json.Delim('{') {
		return nil, malformed("The body is not a JSON object.")
	}
	var members []jsonMember
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, syntaxProblem(d, err)
		}
		m := jsonMember{name: name.(string)} // the decoder takes no other name
		if err := d.Decode(&m.value); err != nil {
			return nil, syntaxProblem(d, err)
		}
		if slices.ContainsFunc(members, func(o jsonMember) bool { return o.name == m.name }) {
			return nil, malformed(fmt.Sprintf("The body holds %q twice.", clip(m.name)))
		}
		if members = append(members, m); len(members) > maxMembers {
			return nil, malformed(fmt.Sprintf("The body holds more than %d fields.", maxMembers))
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, syntaxProblem(d, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, malformed("The body goes on after the JSON object.")
	}
	return members, nil
}

func syntaxProblem(d *json.Decoder, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return malformed("The body is not valid JSON: it ends too early.")
	}
	return malformed(fmt.Sprintf("The body is not valid JSON near byte %d.", d.InputOffset()))
}

// setField writes a member's value into the field with exactly its name, and
// returns what is wrong with it.
func setField(fields reflect.Value, m jsonMember) string {
	for field, value := range fields.Fields() {
		if field.Tag.Get("json") != m.name {
			continue
		}
		var text *string
		if err := json.Unmarshal(m.value, &text); err != nil || text == nil {
			return "must be a string"
		}
		value.SetString(*text)
		return ""
	}
	return "is not a field of this request"
}

// clip shortens a name that the client chose for the answer to it.
func clip(name string) string { return cut(name, 64) }

// cut keeps the first characters of a text.
func cut(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most]) + "…"
}

// reply answers with v as JSON.
func reply(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the client may have gone
	return nil
}
