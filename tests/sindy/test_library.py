import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import PolynomialFeatures

from policyscope.readable.equations import monomials
from policyscope.sindy.library import dictionary, exponents, term_names


@pytest.mark.parametrize(("variables", "degree"), [(1, 4), (3, 3), (5, 2), (4, 0)])
def test_the_dictionary_is_that_of_scikit_learn(variables, degree):
    values = np.random.default_rng(0).normal(size=(7, variables))
    theirs = PolynomialFeatures(degree).fit(values)
    terms = exponents(variables, degree)
    np.testing.assert_array_equal(terms, theirs.powers_)
    np.testing.assert_allclose(monomials(values, terms), theirs.transform(values), rtol=1e-12)


@given(st.integers(1, 5), st.integers(1, 3), st.integers(1, 4))
def test_controls_enter_a_term_at_most_once(states, controls, degree):
    _, terms = dictionary(states, controls, degree, 10**6)
    assert terms[:, states:].sum(1).max() == 1
    alone, bilinear = math.comb(states + degree, degree), math.comb(states + degree - 1, degree - 1)
    assert len(terms) == alone + controls * bilinear


def test_the_degree_falls_until_the_dictionary_is_affordable():
    assert dictionary(11, 0, 8, 200)[0] == 2
    assert dictionary(3, 0, 8, 200)[0] == 8
    highest, terms = dictionary(300, 0, 8, 200)  # a linear one always is
    assert (highest, len(terms)) == (1, 301)


def test_terms_are_said_in_words_without_units():
    terms = np.array([[0, 0], [1, 0], [2, 1]])
    assert term_names(terms, ("angle (rad)", "u")) == ("1", "angle", "angle² · u")
