"""Invented place names in the manner of a northern Chinese city, with their pinyin.

Streets running north to south are 路, those running east to west 道, the widest 大街 and 大道; lanes of
the old town are 胡同, 巷 and 条; estates 里, 园 and 家园; villages 庄, 屯, 台 and 铺. The words are put
together from syllables of good omen, trees and the lie of the land; no place is meant.
"""

from collections.abc import Iterator

import numpy as np

_SPELT = """
安an 柏bai 宝bao 碧bi 澄cheng 春chun 翠cui 丹dan 德de 枫feng 福fu 富fu 光guang 桂gui 海hai 和he 恒heng
鸿hong 华hua 槐huai 惠hui 吉ji 嘉jia 锦jin 景jing 静jing 康kang 兰lan 乐le 丽li 亮liang 林lin 柳liu
隆long 绿lü 满man 梅mei 明ming 宁ning 平ping 清qing 庆qing 秋qiu 仁ren 荣rong 瑞rui 润run 善shan 盛sheng
书shu 顺shun 松song 泰tai 桃tao 通tong 同tong 望wang 文wen 梧wu 熙xi 祥xiang 晓xiao 欣xin 新xin 兴xing
秀xiu 雅ya 延yan 雁yan 阳yang 怡yi 义yi 永yong 裕yu 玉yu 园yuan 源yuan 远yuan 云yun 泽ze 昭zhao 真zhen
正zheng 芝zhi 致zhi 竹zhu 紫zi 晏yan 路lu 道dao 街jie 大da 环huan 巷xiang 胡hu 条tiao 里li 苑yuan 家jia
庄zhuang 屯tun 台tai 铺pu 村cun 东dong 西xi 南nan 北bei 中zhong 头tou 二er 三san 四si 五wu 堤di 河he
桥qiao 营ying 口kou 洼wa 沟gou 坟fen 树shu 井jing 塘tang 前qian 后hou 小xiao 上shang 下xia 镇zhen 区qu
站zhan 门men 水shui 榆yu 杨yang 杏xing 枣zao 白bai 黄huang 青qing 石shi 双shuang 长chang 高gao 老lao
港gang 渔yu 坨tuo 淀dian 花hua 社she 一yi 六liu 城cheng 湾wan 岸an 寨zhai 公gong 寓yu 责ze 任ren 子zi
"""
_PINYIN = {pair[0]: pair[1:] for pair in _SPELT.split()}

_OMEN = (
    "安宝澄春翠德福富光海和恒鸿华惠吉嘉锦景康乐丽隆明宁平清庆仁"
    "荣瑞润善盛顺泰通同望文熙祥欣兴秀雅延怡义永裕玉源远云泽昭致"
)
_TREE = "柏枫桂槐兰林柳梅松桃梧竹紫芝榆杏雁碧"
_LAND = "柳榆槐杨杏枣白黄青石双长高老渔花前后小大"
_LAND_TAIL = "树井桥沟洼坨塘河台营口堤"
_VILLAGE_TAIL = ["庄", "屯", "铺", "村", "台", "寨", "庄子", "口"]
_SIDE = "东西南北中"


def pinyin(name: str) -> str:
    """Return the name in pinyin without tones, one word per part.

    >>> pinyin("清晏路")
    'Qingyan Lu'
    """
    for sign, word in _WORDS.items():
        if name.endswith(sign) and len(name) > len(sign):
            return f"{pinyin(name[: -len(sign)])} {word}"
    generic = next((tail for tail in _GENERICS if name.endswith(tail) and len(name) > len(tail)), "")
    own = name[: len(name) - len(generic)]
    words = ["".join(_PINYIN.get(sign, sign) for sign in part) for part in (own, generic) if part]
    return " ".join(word[:1].upper() + word[1:] for word in words)


_WORDS = {
    "小学": "Xiaoxue", "中学": "Zhongxue", "幼儿园": "Youeryuan",
    "中医医院": "Zhongyi Yiyuan", "医院": "Yiyuan",
    "农贸市场": "Nongmao Shichang", "停车场": "Tingchechang", "超市": "Chaoshi", "网吧": "Wangba",
    "游艺厅": "Youyiting", "烟酒店": "Yanjiudian", "公共厕所": "Gonggong Cesuo", "社区": "Shequ",
}  # fmt: skip
_GENERICS = sorted(
    [
        "大街",
        "大道",
        "环路",
        "胡同",
        "堤路",
        "路",
        "道",
        "街",
        "巷",
        "里",
        "园",
        "苑",
        "家园",
        "花园",
        "村",
        "镇",
        "庄",
        "街道",
        "社区",
        "区",
        "镇区",
        "公园",
        "站",
        "东里",
        "西里",
        "南里",
        "新村",
        "公寓",
    ],
    key=len,
    reverse=True,
)


class Names:
    """Draws names that have not been given before in this city."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._given: set[str] = set()
        self._rng = rng

    def _pick(self, signs: str | list[str]) -> str:
        return signs[int(self._rng.integers(len(signs)))]

    def _stems(self) -> Iterator[str]:
        while True:
            kind = self._rng.random()
            if kind < 0.62:
                yield self._pick(_OMEN) + self._pick(_OMEN)
            elif kind < 0.86:
                yield self._pick(_TREE) + self._pick(_OMEN)
            else:
                yield self._pick(_LAND) + self._pick(_LAND_TAIL)

    def _fresh(self, stems: Iterator[str], tail: str) -> str:
        for tries, stem in enumerate(stems):
            side = "" if tries < 60 else self._pick(_SIDE)
            name = stem + side + tail
            if name not in self._given and len(set(stem)) == len(stem):
                self._given.add(name)
                return name
        raise StopIteration

    def stem(self) -> str:
        """Return two signs for a district, a river or a railway."""
        return self._fresh(self._stems(), "")

    def street(self, *, level: str, eastward: bool) -> str:
        """Return a street's name: `level` is main, secondary, local or lane."""
        tails = {
            "main": ["大道" if eastward else "大街"],
            "secondary": ["道"] if eastward else ["路"],
            "local": ["道", "道", "街"] if eastward else ["路", "路", "街"],
            "lane": ["胡同", "巷", "胡同", "头条", "二条", "三条", "南巷", "北巷"],
        }[level]
        return self._fresh(self._stems(), self._pick(tails))

    def village(self) -> str:
        """Return a village's name, with its 村 where it does not already say so."""
        tail = self._pick(_VILLAGE_TAIL)
        return self._fresh(self._land_stems(), tail if tail.endswith("村") else tail + "村")

    def _land_stems(self) -> Iterator[str]:
        while True:
            head, tail = self._pick(_LAND), self._pick(_LAND_TAIL)
            yield head + tail if self._rng.random() < 0.7 else self._pick(_TREE) + self._pick(_LAND_TAIL)

    def estate(self) -> str:
        """Return a housing estate's name."""
        tails = ["里", "里", "东里", "西里", "南里", "园", "家园", "花园", "苑", "新村", "公寓"]
        return self._fresh(self._stems(), self._pick(tails))

    def territory(self, *, town: bool) -> str:
        """Return the name of a subdistrict (街道) or a town (镇)."""
        tail = "镇" if town else self._pick(["街道", "路街道", "里街道"])
        return self._fresh(self._land_stems() if town else self._stems(), tail)

    def shop(self, trade: str) -> str:
        """Return a shop sign; several shops may carry the same."""
        return self._pick(_OMEN) + self._pick(_OMEN) + trade
