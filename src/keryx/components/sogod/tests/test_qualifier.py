import pytest

from keryx.components.sogod.qualifier import qualifier
from keryx.core import errors


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("(a=b)", "(a = 'b')"),
        ("(&(a=b)(c=TRUE))", "((a = 'b') AND (c = 'TRUE'))"),
        ("(|(a=b)(!(c=d*e)))", "((a = 'b') OR (NOT (c = 'd*e')))"),
        ("(&(a=b))", "(a = 'b')"),
        ("(a>=5)", "(a >= '5')"),
        (
            "(memberOf=cn=mail,ou=groups,dc=example,dc=org)",
            "(memberOf = 'cn=mail,ou=groups,dc=example,dc=org')",
        ),
        (r"(cn=a\2ab)", r"(cn = 'a\\2ab')"),
        ("(cn=*)", "(cn = '*')"),
    ],
)
def test_a_filter_says_the_same_in_sogos_words(written: str, said: str) -> None:
    assert qualifier(written) == said


@pytest.mark.parametrize(
    "text", ["a=b", "(a=b", "(a=b))", "(&)", "(!(a=b)(c=d))", "(a:dn:=b)", "(a~=b)", "(cn=O'Hara)", ""]
)
def test_what_cannot_be_said_is_refused(text: str) -> None:
    with pytest.raises(errors.BadInput, match=r"directory\.filters\.account"):
        qualifier(text)
