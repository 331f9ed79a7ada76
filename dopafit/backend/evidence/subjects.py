"""Subjects, their sessions, and the coordinates that each of them owns.

Given what subjects share, subjects are independent; given a subject's common coordinates, its
sessions are. Coordinates that several subjects meet (items, sites with several people, all
population values and spreads) are shared, and leaving out is then given them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from dopafit.backend.geometry.blocks import find_owners
from dopafit.model.layout.layout import Layout
from dopafit.study.sessions import KEYS, session_names, session_numbers

__all__ = ["Subjects", "find_subjects"]


@dataclass(frozen=True, eq=False)
class Subjects:
    """Who owns what; a place that stands for nothing is -1.

    Parameters
    ----------
    names : tuple of str
        Subjects with rows.
    sessions : tuple of str
        Sessions with rows, ``"subject/session"``; or parts of them, that after a time by the
        session's name and that before it with ``" (before)"``.
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
    of_row : mapping of str to array of int, (row,)
        Session of each row, by channel.
    scored : array of bool, (session,)
        Whether a session is one to be left out: a part before a time is not, and none is where
        whole subjects are.
    """

    names: tuple[str, ...]
    sessions: tuple[str, ...]
    subject: np.ndarray
    of_subject: np.ndarray
    own: np.ndarray
    alone: np.ndarray
    touched: np.ndarray
    of_row: dict[str, np.ndarray]
    scored: np.ndarray

    @cached_property
    def runs(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """By channel, the stretches of rows of one session: first row, and session."""
        return {name: _runs(session) for name, session in self.of_row.items()}

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
            with np.errstate(over="ignore"):  # off the map
                sums = np.add.reduceat(values, first)
            total += np.bincount(session, sums, minlength=total.size)
        return total

    def only(self, subject: int) -> Subjects:
        """Return one of the subjects, without the rows of the others."""
        sessions = self.of_subject[subject][self.of_subject[subject] >= 0]
        number = np.full(len(self.sessions) + 1, -1)  # one more for what no session has alone
        number[sessions] = np.arange(sessions.size)
        of_row = {name: number[session] for name, session in self.of_row.items()}
        return Subjects(
            (self.names[subject],),
            tuple(self.sessions[k] for k in sessions),
            np.zeros(sessions.size, int),
            np.arange(sessions.size)[None],
            self.own[[subject]],
            number[self.alone[[subject]]],
            self.touched[sessions],
            {name: session[session >= 0] for name, session in of_row.items()},
            self.scored[sessions],
        )

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


def find_subjects(
    layout: Layout, after: float | None = None, *, whole_only: bool = False
) -> Subjects:
    """Return the subjects of a layout, with their sessions and coordinates.

    Parameters
    ----------
    layout : Layout
        A model laid out over a study.
    after : float, optional
        Where each session is cut in two parts, which then stand for sessions: a share of it, or
        seconds from its start if 1 or more.
    whole_only : bool
        Whether whole subjects alone are left out.
    """
    whole, labels = pd.factorize(session_names(layout.units))
    first = layout.units.drop_duplicates(KEYS)
    code, names = pd.factorize(first["subject"].astype(str))
    of_row = {name: whole[unit] for name, unit in layout.unit_of.items()}
    late = {name: np.ones(len(rows), bool) for name, rows in of_row.items()}
    if after is not None:
        late = {name: _late(layout, name, after) for name in of_row}
    parts = np.unique(np.concatenate([2 * of_row[name] + late[name] for name in of_row]))
    of_row = {name: np.searchsorted(parts, 2 * of_row[name] + late[name]) for name in of_row}
    whole, late_part = parts // 2, parts % 2 == 1
    subject = code[whole]
    every = layout.sessions["subject"].astype(str)
    owner = find_owners(layout, pd.Index(names).get_indexer(every))
    session = find_owners(layout, np.arange(len(every)))
    known = pd.Index(labels).get_indexer(session_names(layout.sessions))
    session = np.where(session >= 0, known[session], -1)
    # what a session has alone, a part of it has alone only if it is all of it
    count = np.bincount(whole, minlength=len(labels))
    part_of = np.where(count == 1, np.searchsorted(whole, np.arange(len(labels))), -1)
    own = [np.flatnonzero(owner == i) for i in range(len(names))]
    own = _table([places[np.argsort(session[places], kind="stable")] for places in own])
    session = np.where(own >= 0, session[own], -1)
    touched = [
        np.flatnonzero((own[i] >= 0) & ((session[i] < 0) | (session[i] == whole[part])))
        for part, i in enumerate(subject)
    ]
    return Subjects(
        tuple(names),
        tuple(
            labels[k] + ("" if end else " (before)")
            for k, end in zip(whole, late_part, strict=True)
        ),
        subject,
        _table([np.flatnonzero(subject == i) for i in range(len(names))]),
        own,
        np.where(session >= 0, part_of[session], -1),
        _table(touched),
        of_row,
        late_part & (not whole_only),
    )


def _late(layout: Layout, prefix: str, after: float) -> np.ndarray:
    """Return which rows of a channel come after a time of their session."""
    frame, sessions = layout.rows[prefix].frame, layout.sessions
    start, end = (sessions[name].to_numpy(float) for name in ("start", "end"))
    cut = start + (after * (end - start) if after < 1 else after)
    return frame["time"].to_numpy(float) >= cut[session_numbers(sessions, frame)]


def _runs(session: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    first = np.flatnonzero(np.append(True, np.diff(session) != 0))
    return first, session[first]


def _table(lists: list[np.ndarray]) -> np.ndarray:
    """Return lists of numbers as the rows of one array, filled up by -1."""
    found = np.full((len(lists), max(map(len, lists))), -1)
    for row, values in zip(found, lists, strict=True):
        row[: len(values)] = values
    return found
