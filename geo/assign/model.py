"""The parameters of the placement posterior, in one frozen record."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import i0


@dataclass(frozen=True, slots=True)
class Model:
    """Parameters of the posterior; a site may change them, and reports state them.

    Parameters
    ----------
    outlier_share : float
        Prior probability that a position has nothing to do with the streets around it.
    tail_share, tail_m : float
        So many positions err by another `tail_m` per axis that no accuracy mentions: signals that came by
        way of a facade, as far away as streets are wide.
    core : float
        The other positions err by this part of what they say, because the radius that a device states
        is meant to hold some of its tail: with it, 61 to 67 % lie within the stated 68 % radius.
    heading_focus : float
        Concentration (von Mises) of headings about the street's direction, about 1/a² for a sd of a
        radians.  On a two-way street either sense is as likely: cosh(k cos D)/I0(k).
    heading_noise, name_noise, track_noise : float
        Share of headings, name hints and tracks that say nothing.
    name_share : float
        Share of the candidates that bear a given name, against which a hint is weighed.
    reach_sd, reach_m : float
        Blocks are candidates within reach_sd · sqrt(s² + w²) + reach_m metres.
    outside_m : float
        Farther from every block than this, a position is outside the covered streets.
    sure, none_limit, side_sure : float
        A placement is ambiguous below `sure` or above `none_limit`; the side is named from `side_sure`.
    """

    outlier_share: float = 0.02
    tail_share: float = 0.18
    tail_m: float = 18.0
    core: float = 0.92
    heading_focus: float = 8.0
    heading_noise: float = 0.05
    name_noise: float = 0.05
    name_share: float = 0.05
    track_noise: float = 0.1
    reach_sd: float = 4.0
    reach_m: float = 10.0
    outside_m: float = 100.0
    sure: float = 0.9
    none_limit: float = 0.2
    side_sure: float = 0.9

    def vector(self, kerb_m: float, total_m: float) -> NDArray[np.float64]:
        """Return the parameters in the order of the kernel."""
        return np.array(
            [
                self.outlier_share,
                self.tail_share,
                self.tail_m,
                self.heading_focus,
                self.heading_noise,
                i0(self.heading_focus),
                self.name_noise,
                self.name_share,
                self.track_noise,
                self.reach_sd,
                self.reach_m,
                self.outside_m,
                kerb_m,
                total_m,
                self.core,
            ]
        )
