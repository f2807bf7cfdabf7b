# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 四、一个镇街 One town
#
# 评分表逐条及理由、每一分从何而来、距上一等次还差多少、怎样改进、历年成绩、规模相近的同类镇街。
#
# One town's scorecard item by item with the reasons, where every point comes from, what the next grade would take and
# what would lift the town, its history, and the towns of its kind nearest in size.

# %%
from pathlib import Path

from pipelines.analysis import levers, one_town
from pipelines.analysis.marts import RUBRICS, open_marts
from pipelines.analysis.tables import sentences, table

# %% tags=["parameters"]
marts_folder = "../data/marts"  # 结果文件夹 published results
year = 0  # 年度，0 为最近一年 the last year
town = ""  # 名称、代码或编号；留空为距上一等次最近的镇街 the one nearest below a better grade
limits = ""  # 改进的限度与代价（YAML 文件）limits and costs of changes, a YAML file: {articles: {most: 4, cost: 2}}
changes = {}  # 假如：what if, {"articles": "4", "3.3.1": "1.5"}
language = "zh"  # zh 或 or en

# %%
marts = open_marts(marts_folder)
year = year or marts.years[-1]
town_id = one_town.town_to_show(marts, town, year)

# %%
one_town.draw_scorecard(marts, town_id, year, language)

# %%
table(one_town.areas(marts, town_id, year, language), language)

# %% [markdown]
# ## 评分表 Scorecard

# %%
table(one_town.scorecard(marts, town_id, year, language), language)

# %% [markdown]
# ## 为何是这个分 Why this score
#
# 失分的每一条：依据、规则、数据、口径，直到报送文件的单元格。Every item that lost points, down to the received cell.

# %%
table(one_town.reasons(marts, town_id, year, language), language)

# %% [markdown]
# ## 距上一等次 The next grade

# %%
sentences([one_town.gap_said(one_town.next_grade(marts, town_id, year), language)], language)

# %%
table(one_town.within_reach(marts, town_id, year, language), language)

# %% [markdown]
# ## 怎样改进 What would lift it
#
# 每项改进的所得都由同一套规则重新计分得出。Every gain named was scored again by the same rules.

# %%
known = levers.read_limits(Path(limits) if limits else None)
found = levers.levers(marts, RUBRICS, town_id, year, known)
sentences(levers.levers_in_words(found, language).splitlines()[1:], language)

# %%
supposed = levers.what_if(marts, RUBRICS, town_id, year, changes) if changes else None
sentences(levers.what_if_in_words(supposed, language).splitlines() if supposed else [], language)

# %% [markdown]
# ## 历年 History

# %%
one_town.draw_history(marts, town_id, language)

# %% [markdown]
# ## 同类镇街 Towns like it

# %%
one_town.draw_peers(marts, town_id, year, language)

# %%
table(one_town.peers_table(marts, town_id, year), language)
