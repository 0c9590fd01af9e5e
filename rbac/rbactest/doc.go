// Package rbactest pins everything a policy allows in a file that is reviewed
// like code.
//
//	func TestPolicy(t *testing.T) {
//		rbactest.Matrix(t, app.Policy(), "testdata/policy.golden")
//	}
//
// The first run writes the file and fails, so that somebody reads it before it is
// committed; from then on each changed cell fails the test and is named. When the
// change is meant, delete the file and run the test again. There is no flag to
// register and no environment variable to set, and a test run that lacks the file
// fails.
package rbactest
