"""Subjects, their sessions, and the coordinates that each of them owns.

Given what subjects share, subjects are independent; given a subject's common coordinates, its
sessions are. Coordinates that several subjects meet (items, sites with several people, all
population values and spreads) are shared, and leaving out is then given them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dopafit.backend.geometry.blocks import find_owners
from dopafit.model.layout.layout import Layout
from dopafit.study.sessions import KEYS, session_names

__all__ = ["Subjects", "find_subjects"]


@dataclass(frozen=True, eq=False)
class Subjects:
    """Who owns what; a place that stands for nothing is -1.

    Parameters
    ----------
    names : tuple of str
        Subjects with rows.
    sessions : tuple of str
        Sessions with rows, ``"subject/session"``.
    subject : array of int, (session,)
        Subject of each session.
    of_subject : array of int, (subject, rank)
        Sessions of each subject.
    own : array of int, (subject, place)
        Normal coordinates of each subject: those of all its sessions, then those of one.
    alone : array of int, (subject, place)
        Session that alone has the coordinate among its rows.
    touched : array of int, (session, direction)
        Places in its subject's block that move a session.
    runs : mapping of str to pair of arrays of int, (run,)
        By channel, the stretches of rows of one session: first row, and session.
    """

    names: tuple[str, ...]
    sessions: tuple[str, ...]
    subject: np.ndarray
    of_subject: np.ndarray
    own: np.ndarray
    alone: np.ndarray
    touched: np.ndarray
    runs: dict[str, tuple[np.ndarray, np.ndarray]]

    @property
    def shape(self) -> tuple[int, int]:
        """Number of subjects, and of places in their blocks."""
        return self.own.shape

    def spread(self, blocks: np.ndarray) -> np.ndarray:
        """Return blocks (..., subject, place) one after the other, without empty places."""
        return blocks[..., self.own >= 0]

    def directions(self) -> np.ndarray:
        """Return for each direction the places that move together, (direction, subject, place)."""
        moved = np.zeros((self.touched.shape[1], *self.shape))
        session, direction = np.nonzero(self.touched >= 0)
        moved[direction, self.subject[session], self.touched[session, direction]] = 1.0
        return moved

    def sums(self, rows: dict[str, np.ndarray]) -> np.ndarray:
        """Return the sums over sessions, (session,), of one number a row, by channel."""
        total = np.zeros(len(self.sessions))
        for name, values in rows.items():
            first, session = self.runs[name]
            total += np.bincount(session, np.add.reduceat(values, first), minlength=total.size)
        return total

    def ranks(self, flagged: np.ndarray) -> list[np.ndarray]:
        """Return rounds that take one flagged session of each subject at a time.

        Parameters
        ----------
        flagged : array of bool, (session,)

        Returns
        -------
        list of array of int, (subject,)
            Rank of the session among its subject's; -1 where there is none left.
        """
        rounds: list[np.ndarray] = []
        for subject, sessions in enumerate(self.of_subject):
            mine = np.flatnonzero((sessions >= 0) & flagged[sessions])
            for turn, rank in enumerate(mine):
                if turn == len(rounds):
                    rounds.append(np.full(len(self.names), -1))
                rounds[turn][subject] = rank
        return rounds

    def left_out(self, rank: np.ndarray) -> np.ndarray:
        """Return the sessions of these ranks, one of each subject at most, (session,)."""
        subject = np.flatnonzero(rank >= 0)
        return self.of_subject[subject, rank[subject]]

    def places_left(self, rank: np.ndarray) -> np.ndarray:
        """Return the places that have rows in other sessions than these, (subject, place).

        Parameters
        ----------
        rank : array of int, (subject,)
            Session left out, among its subject's; none where it is -1.
        """
        session = np.full((len(self.names), 1), -2)
        session[rank >= 0, 0] = self.left_out(rank)
        return (self.own >= 0) & (self.alone != session)

    def without(self, rank: np.ndarray) -> np.ndarray:
        """Return 0 for the sessions of these ranks, 1 for all others, (session,)."""
        kept = np.ones(len(self.sessions))
        kept[self.left_out(rank)] = 0.0
        return kept


def find_subjects(layout: Layout) -> Subjects:
    """Return the subjects of a layout, with their sessions and coordinates.

    Parameters
    ----------
    layout : Layout
        A model laid out over a study.
    """
    session, sessions = pd.factorize(session_names(layout.units))
    first = layout.units.drop_duplicates(KEYS)
    subject, names = pd.factorize(first["subject"].astype(str))
    every = layout.sessions["subject"].astype(str)
    number = pd.Index(names).get_indexer(every)
    owner = find_owners(layout, number)
    alone = find_owners(layout, np.arange(len(every)))
    known = pd.Index(sessions).get_indexer(session_names(layout.sessions))
    alone = np.where(alone >= 0, known[alone], -1)
    own = [np.flatnonzero(owner == i) for i in range(len(names))]
    own = [places[np.argsort(alone[places], kind="stable")] for places in own]
    block = _table(own)
    only = np.where(block >= 0, alone[block], -1)
    return Subjects(
        tuple(names),
        tuple(sessions),
        subject,
        _table([np.flatnonzero(subject == i) for i in range(len(names))]),
        block,
        only,
        _table(
            [
                np.flatnonzero((block[i] >= 0) & ((only[i] < 0) | (only[i] == j)))
                for j, i in enumerate(subject)
            ]
        ),
        {name: _runs(session[unit]) for name, unit in layout.unit_of.items()},
    )


def _runs(session: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    first = np.flatnonzero(np.append(True, np.diff(session) != 0))
    return first, session[first]


def _table(lists: list[np.ndarray]) -> np.ndarray:
    """Return lists of numbers as the rows of one array, filled up by -1."""
    found = np.full((len(lists), max(map(len, lists))), -1)
    for row, values in zip(found, lists, strict=True):
        row[: len(values)] = values
    return found
